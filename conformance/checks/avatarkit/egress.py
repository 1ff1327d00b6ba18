"""Egress: what the configuration says about where output goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import configuration, openings

if TYPE_CHECKING:
    from conformance.trace import Trace

_MEMBERS: Final = {
    pb.EGRESS_TYPE_LIVEKIT: "livekit_egress",
    pb.EGRESS_TYPE_AGORA: "agora_egress",
}
_SECRET: Final = frozenset({"api_key", "api_secret", "api_token", "token"})
"""Members whose values are not shown in a trace; see AVK-EGRESS-003."""


@check("AVK-EGRESS-001", role="client")
def type_and_settings_agree(trace: Trace) -> Findings:
    """egress_type and the one sub-message that belongs to it, with the application's settings."""
    for opening in openings(trace):
        sent = configuration(opening.socket) if opening.socket is not None else None
        if sent is None:
            continue
        record, config = sent
        asked = [name for name in _MEMBERS.values() if opening.setting(name) is not None]
        present = [name for name in _MEMBERS.values() if config.HasField(name)]
        wanted = [_MEMBERS[config.egress_type]] if config.egress_type in _MEMBERS else []
        if present != wanted:
            yield failed(
                record,
                f"egress_type is {config.egress_type} and the sub-messages are {present}, "
                f"not {wanted}",
            )
        elif len(asked) < len(_MEMBERS) and present != asked:
            yield failed(record, f"configured is {present}, and the application asked for {asked}")
        elif wrong := [
            w for name in present for w in _differences(config, name, opening.setting(name))
        ]:
            yield failed(record, f"{wrong[0]} as the application set it")
        else:
            yield passed(record)


def _differences(
    config: pb.ClientConfigureSession, name: str, settings: dict[str, Any]
) -> list[str]:
    message = getattr(config, name)
    return [
        f"{name}.{member} is {_plain(getattr(message, member))!r}, not {value!r}"
        for member, value in settings.items()
        if member not in _SECRET and _plain(getattr(message, member)) != value
    ]


def _plain(value: object) -> object:
    return dict(value) if hasattr(value, "items") else value  # type: ignore[call-overload] # a protobuf map


@check("AVK-EGRESS-002", role="client")
def never_both(trace: Trace) -> Findings:
    """Two egress configurations at once are a local error, and neither is sent.

    Before connecting is best, and both ways are recorded: nobody is hurt by a socket that closes.
    """
    for opening in openings(trace):
        if any(opening.setting(name) is None for name in _MEMBERS.values()):
            continue
        error = opening.call.error
        both = [s for s in opening.sockets if configuration(s) is not None]
        if both:
            yield failed(
                both[0].messages("client")[0],
                "two egress configurations were asked for, and one was sent",
            )
        elif error is not None and error.local:
            when = "after" if opening.sockets else "before"
            yield passed(error.record, observed=f"refused {when} connecting")
        elif opening.call.answer is not None:
            yield failed(
                opening.call.answer,
                f"two egress configurations were answered by {error or opening.call.kind}, "
                "not by a local refusal",
            )


@check("AVK-EGRESS-003", role="client")
def livekit_credentials(trace: Trace) -> Findings:
    """LiveKit gets api_token, or api_key and api_secret, as the application supplied them.

    A trace hides their values and keeps their lengths; ``expect.lengths`` says those.
    """
    lengths: dict[str, int] = trace.expect.get("lengths", {})
    for opening in openings(trace):
        sent = configuration(opening.socket) if opening.socket is not None else None
        if sent is None or sent[1].egress_type != pb.EGRESS_TYPE_LIVEKIT:
            continue
        record, livekit = sent[0], sent[1].livekit_egress
        wrong = [
            f"{name} has {len(getattr(livekit, name))} bytes, not {wanted} as supplied"
            for name, wanted in lengths.items()
            if len(getattr(livekit, name)) != wanted
        ]
        if not livekit.api_token and not (livekit.api_key and livekit.api_secret):
            yield failed(record, "neither api_token nor both api_key and api_secret are given")
        elif wrong:
            yield failed(record, wrong[0])
        elif lengths:
            yield passed(record)
