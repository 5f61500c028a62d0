"""`make bench`: runs the rows, prints the table, and writes `results.md`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.servers import ServerError

from . import report
from .measure import FULL, QUICK, Bench
from .peers import install_node_modules
from .processes import ROOT, BenchError, Generator, allow_many_files, cores, on
from .rows import ROWS

RESULTS = ROOT / "bench" / "results.md"
UNFINISHED = ROOT / "build" / "bench.md"
"""Where the results of a run are written that was quick, or not of all rows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if every row was measured, whatever came of it."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # in order, so that no server is left behind
    start = time.monotonic()
    size = replace(options.size, rounds=options.rounds or options.size.rounds)
    servers, others = cores()
    try:
        if options.node:
            install_node_modules()
        allow_many_files()
        with on(others), Generator() as load, ExitStack() as stack:
            bench = Bench(load, size, options.node, options.profile, _tell, stack)
            for row in options.rows:
                began = time.monotonic()
                _tell(f"{row} ...")
                ROWS[row](bench)
                _tell(f"{row}: {time.monotonic() - began:.0f} s")
    except (BenchError, ServerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{report.plain(report.HEADER, report.table(bench.figures))}\n")
    print(f"{report.plain(report.BESIDE_HEADER, report.beside(bench.figures, bench.beside))}\n")
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(report.markdown(bench, pinned=servers != others))
    _tell(f"{time.monotonic() - start:.0f} s; written to {os.path.relpath(options.output)}")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rows", help=f"some of {', '.join(ROWS)}; default: all")
    parser.add_argument("--only", choices=["ours"], help="without the Node servers")
    parser.add_argument("--rounds", type=int, help="how often each figure is measured")
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")), help="as QUICK=1 does")
    parser.add_argument(
        "--profile",
        metavar="COMMAND",
        help="run this beside our server, which works until it ends; {pid}, {row} and {series} are filled in",
    )
    parser.add_argument("--output", type=Path, help="the file for the results")
    options = parser.parse_args(arguments)
    options.rows = options.rows.split(",") if options.rows else list(ROWS)
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    options.size = QUICK if options.quick else FULL
    options.node = options.only is None
    whole = options.node and not options.quick and not set(ROWS) - set(options.rows)
    options.output = options.output or (RESULTS if whole else UNFINISHED)
    return options


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
