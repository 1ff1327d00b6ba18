"""The worker's token, as the dispatcher gets it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from avatar_protocols.videosdk.v1_0 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import outcomes, result_of, told
from conformance.checks.videosdk._agent import (
    DISPATCH,
    option,
    token_of,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_CLAIM = constants.Claim
_CLAIMS = (
    _CLAIM.API_KEY,
    _CLAIM.PERMISSIONS,
    _CLAIM.VERSION,
    _CLAIM.ISSUED_AT,
    _CLAIM.EXPIRES,
    _CLAIM.PARTICIPANT_ID,
)
_FORM = constants.ParticipantId
_GENERATED = re.compile(rf"{re.escape(_FORM.PREFIX)}[0-9a-f]{{{_FORM.HEX_DIGITS}}}")
_VALID = "valid"


def _tokens(trace: Trace) -> Iterator[tuple[Record, dict[str, Any]]]:
    for request, _ in trace.http(DISPATCH):
        yield request, token_of(request)


def _claims(trace: Trace) -> Iterator[tuple[Record, dict[str, Any]]]:
    for request, token in _tokens(trace):
        if token:
            yield request, members_of(token.get("claims"))


@check("VSD-AUTH-001", role="client")
def signs_with_the_accounts_secret(trace: Trace) -> Findings:
    """The worker's token is a JWT, HS256, signed with the account's secret."""
    for request, token in _tokens(trace):
        algorithm = members_of(token.get("header")).get(constants.JwtHeader.ALGORITHM)
        if not token:
            yield failed(request, "the join request carries no JWT as token")
        elif algorithm != constants.Jwt.ALGORITHM:
            wanted = constants.Jwt.ALGORITHM
            yield failed(request, f"the token says algorithm {algorithm!r}; it must be {wanted}")
        elif token.get("signature") != _VALID:
            how = {"none": "not signed"}.get(str(token.get("signature")), "signed with another key")
            yield failed(request, f"the token is {how}; the account's secret must sign it")
        else:
            yield passed(request)


@check("VSD-AUTH-002", role="client")
def carries_every_claim(trace: Trace) -> Findings:
    """The worker's token has all six claims."""
    for request, claims in _claims(trace):
        if missing := [name for name in _CLAIMS if name not in claims]:
            yield failed(request, f"the token lacks the claims {', '.join(missing)}")
        else:
            yield passed(request)


@check("VSD-AUTH-003", role="client")
def grants_the_join(trace: Trace) -> Findings:
    """``permissions`` holds allow_join, and ``version`` is 2."""
    for request, claims in _claims(trace):
        granted: Any = claims.get(_CLAIM.PERMISSIONS)
        version = claims.get(_CLAIM.VERSION)
        wanted = set(constants.Jwt.PERMISSIONS)
        if not isinstance(granted, list) or not all(each in granted for each in wanted):
            yield failed(
                request, f"permissions is {granted!r}; it must hold {', '.join(sorted(wanted))}"
            )
        elif version != constants.Jwt.VERSION or isinstance(version, bool | float):
            yield failed(
                request, f"version is {version!r}; it must be the integer {constants.Jwt.VERSION}"
            )
        else:
            yield passed(request)


@check("VSD-AUTH-004", role="client")
def lives_as_long_as_chosen(trace: Trace) -> Findings:
    """``iat`` and ``exp`` are integers, and lie the chosen lifetime apart."""
    chosen = option(trace, "ttl")
    for request, claims in _claims(trace):
        times = [claims.get(_CLAIM.ISSUED_AT), claims.get(_CLAIM.EXPIRES)]
        whole = [each for each in times if isinstance(each, int) and not isinstance(each, bool)]
        if len(whole) != len(times):
            yield failed(request, f"iat and exp are {times!r}; both must be integers, in seconds")
            continue
        issued, expires = whole
        if chosen is not None and expires - issued != chosen:
            yield failed(
                request, f"the token lives for {expires - issued} s; {chosen} s were chosen"
            )
        elif expires <= issued:
            yield failed(request, f"exp, {expires}, is not after iat, {issued}")
        else:
            yield passed(request)


@check("VSD-AUTH-005", role="client")
def names_one_participant(trace: Trace) -> Findings:
    """Token, join request and handle name the same participant."""
    handles = [
        result_of(answer).get("participant_id")
        for _, answer in outcomes(trace, "open")
        if told(answer) == "done"
    ]
    for request, claims in _claims(trace):
        body = request.data or {}
        seen = {
            "the join request": body.get(constants.JoinField.PARTICIPANT_ID),
            "the token": claims.get(_CLAIM.PARTICIPANT_ID),
            **({"the handle": handles[0]} if handles and handles[0] is not None else {}),
        }
        wanted = option(trace, "participant_id")
        if len(set(map(str, seen.values()))) > 1:
            shown = ", ".join(f"{value!r} in {place}" for place, value in seen.items())
            yield failed(request, f"the participant differs: {shown}")
        elif wanted is not None and seen["the token"] != wanted:
            yield failed(request, f"the participant is {seen['the token']!r}; {wanted!r} was given")
        else:
            yield passed(request)


@check("VSD-AUTH-006", role="client")
def makes_an_id_of_the_usual_form(trace: Trace) -> Findings:
    """Given no participant id, the agent makes avatar_ and eight hexadecimal digits."""
    if option(trace, "participant_id") is not None:
        return
    for request, claims in _claims(trace):
        made = str(claims.get(_CLAIM.PARTICIPANT_ID))
        if _GENERATED.fullmatch(made):
            yield passed(request)
        else:
            form = f"{_FORM.PREFIX} and {_FORM.HEX_DIGITS} lower-case hexadecimal digits"
            yield failed(request, f"the agent made the participant id {made!r}, not {form}")
