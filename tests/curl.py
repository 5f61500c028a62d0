"""What curl does with a printed line, on machines that have none too."""

from __future__ import annotations

import argparse
import shlex

import httpx


def curl(line: str) -> httpx.Response:
    """Run a command line as a shell would; raises `SystemExit` where it has an option that is not known here."""
    parser = argparse.ArgumentParser(prog="curl")
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("url")
    program, *arguments = shlex.split(line)
    assert program == "curl"
    asked = parser.parse_args(arguments)
    headers = [tuple(header.split(": ", 1)) for header in asked.headers]
    return httpx.request(asked.method, asked.url, headers=headers, content=asked.data, timeout=30)
