"""Drives our reference implementations by the commands of the adapter contract.

``conformance/adapters/reference.py`` speaks the contract; the modules here call what we have. For
each protocol that is ``<protocol>.py``, the reference client, and where there is a reference server
that is no mock platform, ``<protocol>_server.py``. Each offers ``DRIVER`` and
``features(revision)``: what is claimed on this machine and, by name, why the rest is not. The
modules are discovered; there is no list to keep.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any, Literal

__all__ = ["driven", "driver_module"]

_SERVER = "_server"
_SHARED = "base"


@cache
def driven(role: Literal["client", "server"]) -> tuple[str, ...]:
    """The protocols that have a driver for this role. Imports none of them."""
    names = {module.name for module in pkgutil.iter_modules(__path__)} - {_SHARED}
    servers = {name for name in names if name.endswith(_SERVER)}
    if role == "client":
        return tuple(sorted(names - servers))
    return tuple(sorted(name.removesuffix(_SERVER) for name in servers))


def driver_module(protocol: str, role: Literal["client", "server"]) -> Any:  # noqa: ANN401 - a module
    """The module that drives a protocol's reference client or server.

    Raises:
        ModuleNotFoundError: there is none, or what it needs is not installed.
    """
    suffix = _SERVER if role == "server" else ""
    return importlib.import_module(f"{__name__}.{protocol}{suffix}")
