from __future__ import annotations

import msgspec
import pytest

from conformance.probe.channels import chosen
from conformance.stage.base import StepUnmetError


class Line(msgspec.Struct):
    number: int
    is_open: bool = True

    def close(self, code: int | None = 1000, reason: str = "") -> None: ...

    def reset(self) -> None: ...

    def drop(self) -> None: ...


FIRST, SECOND, ENDED = Line(1), Line(2), Line(3, is_open=False)


@pytest.mark.parametrize(
    ("channels", "args", "found"),
    [
        ([FIRST, SECOND, ENDED], None, SECOND),
        ([FIRST, SECOND, ENDED], {}, SECOND),
        ([FIRST, SECOND, ENDED], {"connection": 1}, FIRST),
        ([FIRST, SECOND, ENDED], {"connection": 3}, ENDED),
        ([ENDED], None, ENDED),
    ],
)
def test_the_named_one_or_the_newest_that_is_open(
    channels: list[Line], args: object, found: Line
) -> None:
    assert chosen(channels, args) is found


@pytest.mark.parametrize(("channels", "args"), [([], None), ([FIRST], {"connection": 2})])
def test_there_may_be_none(channels: list[Line], args: object) -> None:
    with pytest.raises(StepUnmetError, match="no connection to send on"):
        chosen(channels, args)
