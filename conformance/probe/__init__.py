"""The probe: a raw scripted client that plays against a server under test, well or badly.

`socket.py` is one WebSocket, `base.py` what every probe can do, and each protocol adds a module
with its happy handshake and its requests.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from conformance.errors import UsageError

if TYPE_CHECKING:
    from conformance.probe.base import Probe

__all__ = ["probe_class"]


def probe_class(protocol: str) -> type[Probe]:
    """The probe of a protocol, found as ``conformance.probe.<protocol>``.

    Raises:
        UsageError: there is none.
    """
    name = f"{__name__}.{protocol}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UsageError(f"servers of {protocol} cannot be certified: it has no probe") from None
    found: type[Probe] = module.PROBE
    return found
