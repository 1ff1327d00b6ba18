"""Options of platforms, from plain data to checked values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec

from mock_servers.documents import is_object
from mock_servers.limits import Limits
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["convert_limits", "convert_options", "split_options"]

T = TypeVar("T", bound=msgspec.Struct)

_ARGUMENTS = ("plan", "clock", "limits")
"""Arguments of `Platform` that it checks itself."""


#: The place that an error message names, as far as it is the name of an option.
_PLACE = re.compile(r"`\$\.(\w+)")
_NAME = r"^(?!\.{1,2}\Z)[A-Za-z0-9_.~-]*\Z"
"""One segment of a path that no client changes on the way."""


class _Common(msgspec.Struct, frozen=True, kw_only=True):
    """The other arguments of `Platform`, for their types."""

    name: Annotated[str, msgspec.Meta(pattern=_NAME)] = ""
    seed: int = 0
    pace: bool = True
    frozen: bool = False
    host: str = ""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    compression: bool = False


def split_options(settings: Mapping[str, Any], kind: type[T]) -> tuple[T, dict[str, Any]]:
    """A platform's own options, and the arguments of `Platform`.

    Raises:
        ConfigurationError: there is no such option, or one of them cannot work.
    """
    own_names, common = kind.__struct_fields__, _Common.__struct_fields__
    known = (*own_names, *common, *_ARGUMENTS)
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(
                "an option that this platform does not have",
                setting=name,
                hint=f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}",
            )
    own = {name: value for name, value in settings.items() if name in own_names}
    rest = {name: value for name, value in settings.items() if name not in own_names}
    convert_options({name: value for name, value in rest.items() if name in common}, _Common)
    _check_plan(rest.get("plan", ()))
    return convert_options(own, kind), rest


def _check_plan(plan: object) -> None:
    if is_object(plan) or isinstance(plan, (str, bytes)) or not isinstance(plan, Iterable):
        shown: object = plan
        raise ConfigurationError("a plan is a list of rules", setting="plan", value=shown)


def convert_options(given: dict[str, Any], kind: type[T]) -> T:
    """The options of a platform from plain data.

    Raises:
        ConfigurationError: one of them cannot work.
    """
    try:
        options = msgspec.convert(given, kind)
        msgspec.json.encode(options)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            str(error), setting="options", value=_culprit(given, str(error))
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"not plain data: {error}", setting="options") from error
    return options


def _culprit(given: dict[str, Any], problem: str) -> object:
    """The value that an error is about; no text, which may be a secret, and is told of anyway."""
    found = _PLACE.search(problem)
    value: object = given.get(found[1]) if found else None
    return None if isinstance(value, str) else value


def convert_limits(given: Limits | Mapping[str, Any] | None) -> Limits:
    """Limits, or what differs from the usual ones.

    Raises:
        ConfigurationError: one of them cannot work.
    """
    try:
        return given if isinstance(given, Limits) else msgspec.convert(given or {}, Limits)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="limits", value=given) from error
