"""Run every example: `python examples/run.py`.

Those of the reference clients and of the pytest fixtures run in this environment. Those of the
vendors' SDKs run against one `understudy serve --all`, each in its SDK's own environment, the one
that `understudy certify --vendors` uses. One line for each; exit status 1 if one failed or hung.
"""

from __future__ import annotations

import argparse
import fnmatch
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conformance.errors import UsageError
from conformance.vendors import environment, vendors

if TYPE_CHECKING:
    from collections.abc import Generator

HERE = Path(__file__).resolve().parent
REFERENCE, VENDORS = HERE / "reference", HERE / "vendors"
TESTS = HERE / "test_with_fixtures.py"


class Example(NamedTuple):
    """One script.

    Attributes:
        path: where it stands.
        protocol: the platform it is for; "" for all.
        vendor: whether it needs that platform's SDK.
    """

    path: Path
    protocol: str
    vendor: bool

    @property
    def name(self) -> str:
        """Its path below this folder."""
        return self.path.relative_to(HERE).as_posix()


class Outcome(NamedTuple):
    """How an example ended.

    Attributes:
        ok: whether with status 0.
        seconds: how long it took.
        output: everything it printed.
    """

    ok: bool
    seconds: float
    output: str


def examples(only: str = "*", *, with_vendors: bool = True) -> list[Example]:
    """The examples whose name, or its last part, is like ``only``."""
    protocols = {vendor.protocol for vendor in vendors()}
    found = [Example(path, path.stem, vendor=False) for path in sorted(REFERENCE.glob("*.py"))]
    found.append(Example(TESTS, "", vendor=False))
    for path in sorted(VENDORS.glob("*_*.py")):
        protocol = path.stem.partition("_")[0]
        if with_vendors and protocol in protocols:
            found.append(Example(path, protocol, vendor=True))
    return [each for each in found if _like(each.name, only) or _like(each.path.stem, only)]


def command(example: Example, *, python: str = sys.executable, port_file: str = "") -> list[str]:
    """How an example is started."""
    if example.path == TESTS:
        return [python, "-m", "pytest", "-q", str(TESTS)]
    return [python, str(example.path), *([port_file] if example.vendor else [])]


def run(words: list[str], *, limit: float) -> Outcome:
    """Run a command in an empty folder, for ``limit`` seconds at most."""
    began = time.monotonic()
    # Some SDKs write files wherever they are started.
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(  # noqa: S603 - a script of ours, in an environment of ours
            words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            output += f"\nkilled after {limit:g} s\n"
    return Outcome(process.returncode == 0, time.monotonic() - began, output)


@contextmanager
def platforms(limit: float) -> Generator[str]:
    """The port file of mock platforms, which run for as long as the block does.

    Raises:
        RuntimeError: they do not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        port_file, said = Path(folder, "ports.json"), Path(folder, "said.txt")
        words = [sys.executable, "-m", "understudy", "serve", "--all", "--port", "0"]
        with said.open("w", encoding="utf-8") as out:
            server = subprocess.Popen(  # noqa: S603 - ourselves
                [*words, "--port-file", str(port_file)], stdout=out, stderr=subprocess.STDOUT
            )
            try:
                end = time.monotonic() + limit
                while not port_file.is_file():
                    if server.poll() is not None or time.monotonic() > end:
                        told = said.read_text(encoding="utf-8")
                        raise RuntimeError(f"the mock platforms do not start:\n{told}")
                    time.sleep(0.05)
                yield str(port_file)
            finally:
                server.terminate()
                server.wait()


def interpreters(found: list[Example], cache: Path) -> dict[str, str]:
    """The Python of each SDK that the examples need, by protocol; made where it is missing.

    Raises:
        UsageError: one cannot be installed.
    """
    needed = {example.protocol for example in found if example.vendor}
    rows = {row.protocol: row for row in vendors() if row.protocol in needed}
    return {protocol: str(environment(row, cache, print)) for protocol, row in rows.items()}


def _like(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern)


def _tell(example: Example, outcome: Outcome) -> bool:
    print(f"{'ok  ' if outcome.ok else 'FAIL'} {example.name:<32} {outcome.seconds:5.1f} s")
    if not outcome.ok:
        print(outcome.output)
    return outcome.ok


def main(arguments: list[str]) -> int:
    """Run what the arguments choose; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="*", metavar="GLOB", help="like vendors/*, or akool*")
    parser.add_argument("--no-vendors", action="store_true", help="leave the vendors' SDKs out")
    parser.add_argument("--vendor-cache", type=Path, default=Path(".understudy/vendors"))
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each (60)")
    chosen = parser.parse_args(arguments)
    found = examples(chosen.only, with_vendors=not chosen.no_vendors)
    if not found:
        parser.error(f"no example is like {chosen.only}")
    good = [
        _tell(each, run(command(each), limit=chosen.limit)) for each in found if not each.vendor
    ]
    try:
        good += _run_vendors([each for each in found if each.vendor], chosen)
    except (UsageError, RuntimeError) as error:
        print(f"FAIL {error}")
        return 1
    print(f"{sum(good)} of {len(good)} examples")
    return 0 if all(good) else 1


def _run_vendors(found: list[Example], chosen: argparse.Namespace) -> list[bool]:
    if not found:
        return []
    pythons = interpreters(found, chosen.vendor_cache)
    with platforms(chosen.limit) as port_file:
        words = [
            command(each, python=pythons[each.protocol], port_file=port_file) for each in found
        ]
        return [
            _tell(each, run(line, limit=chosen.limit))
            for each, line in zip(found, words, strict=True)
        ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
