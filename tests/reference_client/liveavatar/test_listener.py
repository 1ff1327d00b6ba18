from __future__ import annotations

import inspect

from protocol_core.liveavatar import events as e
from reference_client.liveavatar.listener import _CALLBACKS, Listener, report


def test_every_callback_is_reported_by_an_event():
    callbacks = {name for name in vars(Listener) if name.startswith("on_")}
    callbacks.remove("on_session_failed")  # by the client itself: only after a reconnect
    assert {name for name, _ in _CALLBACKS.values()} == callbacks


def test_the_members_fit_the_parameters():
    for kind, (name, members) in _CALLBACKS.items():
        parameters = list(inspect.signature(getattr(Listener, name)).parameters)[1:]
        if members is None:
            assert len(parameters) == 1
        else:
            assert list(members) == parameters
            assert set(members) <= set(kind.__struct_fields__)


def test_hands_over_members_or_the_event():
    calls = []

    def call(callback, *args):
        callback(*args)  # the defaults do nothing
        calls.append((callback.__name__, *args))

    ignored = e.Ignored(reason=e.Reason.NOT_JSON)
    for event in (
        e.SceneReady(),
        ignored,
        e.TextReceived(request_id="r", text="t"),
        e.ReconnectDue(attempt=1),
    ):
        report(Listener(), event, call)
    assert calls == [("on_scene_ready",), ("on_ignored", ignored), ("on_text_input", "t", "r")]
