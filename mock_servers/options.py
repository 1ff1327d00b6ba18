"""Options of platforms, from plain data to checked values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mock_servers.limits import Limits
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["convert_limits", "convert_options"]

T = TypeVar("T")


def convert_options(given: dict[str, Any], kind: type[T]) -> T:
    """The options of a platform from plain data.

    Raises:
        ConfigurationError: one of them cannot work.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="options", value=given) from error


def convert_limits(given: Limits | Mapping[str, Any] | None) -> Limits:
    """Limits, or what differs from the usual ones.

    Raises:
        ConfigurationError: one of them cannot work.
    """
    try:
        return given if isinstance(given, Limits) else msgspec.convert(given or {}, Limits)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="limits", value=given) from error
