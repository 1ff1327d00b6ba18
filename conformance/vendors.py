"""The vendors' SDKs: each one installed, unmodified, into a virtual environment of its own.

The table is data (``vendors.yaml``). An environment is named by what it holds: other pins or
another Python make another one, and one that was completed is used again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from conformance import yaml
from conformance.adapter import AdapterTarget
from conformance.errors import UsageError
from conformance.packaging import examine
from conformance.pythons import Python, find_python
from conformance.scenario import Role
from conformance.target import Target, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Vendor", "prepare", "vendors"]

HERE = Path(__file__).parent
TABLE = HERE / "vendors.yaml"
ADAPTERS = HERE / "adapters"

_COMPLETE = "understudy-complete"
"""File that stands in an environment once everything has been installed."""
_INSTALL_SECONDS = 900.0
LIBOPUS = "UNDERSTUDY_LIBOPUS"
"""Variable that names a libopus for adapters (docs/reference/adapter-contract.md)."""
_TOLD_LINES = 12


class Vendor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table.

    Attributes:
        name: what it is called in reports and baselines; one SDK may have several rows.
        protocol, revision: what it speaks.
        role: what it is certified as.
        requires: pip requirements, pinned; the SDK itself first.
        adapter: file in ``conformance/adapters``.
        python: versions of Python that it installs on, such as ``>=3.12``; "" for any.
        no_deps: whether the SDK is installed without what it declares to depend on, because that is
            wrong or cannot be built; ``requires`` lists what it really needs.
    """

    name: str
    protocol: str
    revision: str
    requires: tuple[str, ...]
    adapter: str
    role: Role = "client"
    python: str = ""
    no_deps: bool = False


def vendors(table: Path = TABLE) -> list[Vendor]:
    """The rows of the table.

    Raises:
        UsageError: the table is malformed.
    """
    try:
        document = yaml.load(table.read_text(encoding="utf-8"))
        rows = msgspec.convert(document, dict[str, list[Vendor]])["vendors"]
    except (yaml.YAMLError, msgspec.ValidationError, KeyError) as error:
        raise UsageError(f"{table.name}: {error}") from error
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{table.name}: two rows are called {', '.join(twice)}")
    return rows


def prepare(
    cache: Path,
    *,
    protocol: str = "",
    revision: str = "",
    role: str = "",
    say: Callable[[str], None] = print,
    table: Path = TABLE,
) -> list[Target]:
    """Make sure that every SDK's environment is there; returns what is to be certified.

    Args:
        cache: folder of the environments.
        protocol: only the SDKs that speak it; "" for all.
        revision: only those that speak it; "" for all.
        role: only those that are certified in it; "" for both.
        say: told what is being done.
        table: the table to read.

    Raises:
        UsageError: no SDK is so selected, there is no Python for one, or it cannot be installed.
    """
    wanted = resolve(protocol, revision).id if protocol and revision else ""
    chosen = [
        vendor
        for vendor in vendors(table)
        if protocol in {"", vendor.protocol}
        and wanted in {"", resolve(vendor.protocol, vendor.revision).id}
        and role in {"", vendor.role}
    ]
    if not chosen:
        told = f"no vendor's SDK speaks {protocol} {revision}".rstrip()
        raise UsageError(f"{told} as a {role}" if role else told)
    return [_target(vendor, environment(vendor, cache, say)) for vendor in chosen]


def _target(vendor: Vendor, python: Path) -> Target:
    return Target(
        protocol=vendor.protocol,
        revision=resolve(vendor.protocol, vendor.revision).id,
        role=vendor.role,
        adapter=AdapterTarget(
            command=(str(python), str(ADAPTERS / vendor.adapter)), env=lent_libopus()
        ),
        name=vendor.name,
        known_as=vendor.name,
        packaging=examine(str(python), _package(vendor.requires[0])),
    )


def environment(vendor: Vendor, cache: Path, say: Callable[[str], None]) -> Path:
    """The Python of a vendor's environment, which is made if it is not there.

    Rows that need the same share one.

    Raises:
        UsageError: there is no Python for it, or its packages cannot be installed.
    """
    base = find_python(vendor.python, f"{vendor.name} needs")
    home = cache.resolve() / f"{_package(vendor.requires[0])}-{_fingerprint(vendor, base)}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (home / _COMPLETE).is_file():
        return python
    say(f"installing {', '.join(vendor.requires)}")
    shutil.rmtree(home, ignore_errors=True)
    _run(vendor, [base.path, "-m", "venv", str(home)])
    for packages in _portions(vendor):
        options = ["--quiet", "--disable-pip-version-check"]
        _run(vendor, [str(python), "-m", "pip", "install", *options, *packages])
    (home / _COMPLETE).write_text("\n".join(vendor.requires) + "\n", encoding="utf-8")
    return python


def _portions(vendor: Vendor) -> list[list[str]]:
    """What pip is given, in turn."""
    if not vendor.no_deps:
        return [[*vendor.requires]]
    sdk, *needed = vendor.requires
    return [["--no-deps", sdk], *([needed] if needed else [])]


def _run(vendor: Vendor, command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own command, pinned requirements
            command, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{vendor.name} cannot be installed: {error}") from error
    if done.returncode != 0:
        told = "\n".join(done.stderr.strip().splitlines()[-_TOLD_LINES:])
        raise UsageError(f"{vendor.name} cannot be installed:\n{told}")


def lent_libopus() -> tuple[tuple[str, str], ...]:
    """The libopus that PyAV carries, as a variable for adapters on machines that have none.

    An SDK that encodes finds no libopus after a mere ``pip install``; ours is no part of it, so
    the adapter lends it only where the system has none.
    """
    found = importlib.util.find_spec("av")
    if found is None or found.origin is None:
        return ()
    home = Path(found.origin).parent
    for folder in (home.with_name("av.libs"), home / ".dylibs"):
        for library in sorted(folder.glob("*opus*")):
            return ((LIBOPUS, str(library)),)
    return ()


def _package(requirement: str) -> str:
    """The bare name of what a requirement asks for."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _fingerprint(vendor: Vendor, base: Python) -> str:
    """Other pins, or another Python, make another environment."""
    how = ["--no-deps"] if vendor.no_deps else []
    recipe = "\n".join([base.version, *how, *vendor.requires])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]
