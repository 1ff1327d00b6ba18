from __future__ import annotations

import pytest

from conformance.drivers import driven, driver_module
from conformance.drivers.base import Driver, ServerDriver


def test_drivers_are_found_by_their_names() -> None:
    assert {"avatarkit", "liveavatar"} <= {*driven("client")}
    assert "base" not in driven("client")
    assert not [name for name in (*driven("client"), *driven("server")) if "_" in name]


@pytest.mark.parametrize(("role", "kind"), [("client", Driver), ("server", ServerDriver)])
def test_each_offers_what_the_adapter_wants(role: str, kind: type) -> None:
    for protocol in driven(role):  # type: ignore[arg-type]  # a role
        module = driver_module(protocol, role)  # type: ignore[arg-type]  # a role
        assert issubclass(module.DRIVER, kind)
        assert module.DRIVER.protocol == protocol
        assert callable(module.features)


def test_what_is_not_driven() -> None:
    with pytest.raises(ModuleNotFoundError):
        driver_module("bogus", "client")
