"""The vendors' SDKs: each one installed, unmodified, into a virtual environment of its own.

The table is data (``vendors.yaml``). An environment is named by what it holds: other pins or
another Python make another one, and one that was completed is used again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from conformance import yaml
from conformance.adapter import AdapterTarget
from conformance.errors import UsageError
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
        name: the SDK's name.
        protocol, revision: what it speaks.
        requires: pip requirements, pinned.
        adapter: file in ``conformance/adapters``.
    """

    name: str
    protocol: str
    revision: str
    requires: tuple[str, ...]
    adapter: str


def vendors(table: Path = TABLE) -> list[Vendor]:
    """The rows of the table.

    Raises:
        UsageError: the table is malformed.
    """
    try:
        document = yaml.load(table.read_text(encoding="utf-8"))
        return msgspec.convert(document, dict[str, list[Vendor]])["vendors"]
    except (yaml.YAMLError, msgspec.ValidationError, KeyError) as error:
        raise UsageError(f"{table.name}: {error}") from error


def prepare(
    cache: Path,
    *,
    protocol: str = "",
    revision: str = "",
    say: Callable[[str], None] = print,
    table: Path = TABLE,
) -> list[Target]:
    """Make sure that every SDK's environment is there; returns what is to be certified.

    Args:
        cache: folder of the environments.
        protocol: only the SDKs that speak it; "" for all.
        revision: only those that speak it; "" for all.
        say: told what is being done.
        table: the table to read.

    Raises:
        UsageError: no SDK is so selected, or one cannot be installed.
    """
    wanted = resolve(protocol, revision).id if protocol and revision else ""
    chosen = [
        vendor
        for vendor in vendors(table)
        if protocol in {"", vendor.protocol} and wanted in {"", vendor.revision}
    ]
    if not chosen:
        raise UsageError(f"no vendor's SDK speaks {protocol} {revision}".rstrip())
    return [
        Target(
            protocol=vendor.protocol,
            revision=resolve(vendor.protocol, vendor.revision).id,
            role="client",
            adapter=AdapterTarget(
                command=(str(environment(vendor, cache, say)), str(ADAPTERS / vendor.adapter)),
                env=lent_libopus(),
            ),
            name=vendor.name,
        )
        for vendor in chosen
    ]


def environment(vendor: Vendor, cache: Path, say: Callable[[str], None]) -> Path:
    """The Python of a vendor's environment, which is made if it is not there.

    Raises:
        UsageError: its packages cannot be installed.
    """
    home = cache.resolve() / f"{vendor.name}-{_fingerprint(vendor)}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (home / _COMPLETE).is_file():
        return python
    say(f"installing {', '.join(vendor.requires)}")
    shutil.rmtree(home, ignore_errors=True)
    try:
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(home)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(  # noqa: S603 - our own command, pinned requirements
            [*command, *vendor.requires],
            check=False,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{vendor.name} cannot be installed: {error}") from error
    if done.returncode != 0:
        told = "\n".join(done.stderr.strip().splitlines()[-_TOLD_LINES:])
        raise UsageError(f"{vendor.name} cannot be installed:\n{told}")
    (home / _COMPLETE).write_text("\n".join(vendor.requires) + "\n", encoding="utf-8")
    return python


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


def _fingerprint(vendor: Vendor) -> str:
    recipe = "\n".join([sys.version, *vendor.requires])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]
