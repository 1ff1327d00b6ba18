from __future__ import annotations

import msgspec
import pytest

from protocol_core.akool.errors import SendRefused
from protocol_core.akool.parameters import (
    Parameters,
    agora_params_message,
    set_params_message,
)
from protocol_core.errors import ConfigurationError
from tests.protocol_core.akool.client_side import PARAMETERS, README, V2


def changed(**changes):
    return msgspec.structs.replace(PARAMETERS, **changes)


def test_what_is_absent_is_empty():
    assert msgspec.to_builtins(set_params_message(V2, PARAMETERS, "m")) == {
        "v": 2,
        "type": "command",
        "mid": "m",
        "pld": {
            "cmd": "set-params",
            "data": {"vid": "", "lang": "en", "mode": 3, "bgurl": ""},
            "metadata": {
                "agora_data": {
                    "appid": "app",
                    "channel_id": "room",
                    "token": "secret",
                    "uid": "12345",
                }
            },
        },
    }


def test_everything_chosen():
    chosen = changed(voice="v", language="de", background="b", uid=7)
    payload = set_params_message(V2, chosen, "m").pld
    data = payload.data
    assert (data.vid, data.lang, data.bgurl) == ("v", "de", "b")
    assert payload.metadata.agora_data.uid == "7"


@pytest.mark.parametrize("uid", [12345, "12345"])
def test_the_other_dialect_sends_a_number(uid):
    message = agora_params_message(README, changed(uid=uid))
    assert msgspec.to_builtins(message) == {
        "type": "agora_params",
        "data": {"channel": "room", "userId": 12345, "rtcToken": "secret"},
    }


@pytest.mark.parametrize("name", ["voice", "language", "background"])
def test_the_other_dialect_has_no_place_for_it(name):
    with pytest.raises(SendRefused, match=name) as caught:
        agora_params_message(README, changed(**{name: "x"}))
    assert (caught.value.code, caught.value.requirement) == ("UNSUPPORTED", "AKO-INT-101")


def test_what_cannot_be_sent():
    with pytest.raises(ConfigurationError, match="app_id"):
        set_params_message(V2, changed(app_id=None), "m")
    with pytest.raises(ConfigurationError, match="uid"):
        agora_params_message(README, changed(uid="me"))
    for build in (
        lambda p: set_params_message(V2, p, "m"),
        lambda p: agora_params_message(README, p),
    ):
        with pytest.raises(ConfigurationError, match="parameters"):
            build(changed(channel=5))


def test_the_token_is_not_shown():
    assert "secret" not in repr(Parameters(channel="c", token="secret", uid=1))
