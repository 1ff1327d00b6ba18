"""Run by `nox -s wheel` in an environment that holds the built wheel, one extra and a vendor's SDK.

Both must import in one process, and the run-time data must have travelled with the wheel.
"""

import importlib
import sys
from pathlib import Path

SDKS = {"avatarkit": "avatarkit", "liveavatar": "liveavatar_channel_sdk"}


def main(protocol):
    importlib.import_module(SDKS[protocol])
    for package in ("understudy", "protocol_core", "reference_client", "mock_servers"):
        module = importlib.import_module(package)
        assert "site-packages" in Path(module.__file__).parts, f"{package} is not the wheel's"
    for package in ("protocol_core", "reference_client", "mock_servers"):
        importlib.import_module(f"{package}.{protocol}")
    from avatar_protocols import registry, schemas
    from conformance import scenario

    revision = registry.resolve(protocol).id
    assert schemas.load(protocol, revision), "the wheel has no schemas"
    assert scenario.discover([protocol]), "the wheel has no scenarios"
    print(f"understudy[{protocol}] lives beside {SDKS[protocol]}")


if __name__ == "__main__":
    main(sys.argv[1])
