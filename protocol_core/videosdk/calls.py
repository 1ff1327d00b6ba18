"""The two HTTP calls, from both ends: requests, answers, and what answers mean.

The agent builds requests and judges answers; a dispatcher reads requests. Names of members, headers
and paths come from the revision's generated modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from protocol_core.http import HttpRequest
from protocol_core.videosdk.errors import failure

if TYPE_CHECKING:
    from protocol_core.http import HttpResponse
    from protocol_core.videosdk.credentials import Credentials
    from protocol_core.videosdk.errors import VideoSdkError
    from protocol_core.videosdk.revision import Revision

__all__ = [
    "JoinRequestFault",
    "dispatch_request",
    "parse_dispatch_response",
    "parse_join_request",
    "parse_room_response",
    "rooms_request",
    "unanswered",
    "unset_room",
]

_SUCCESS = range(200, 300)


class JoinRequestFault(msgspec.Struct, frozen=True, kw_only=True):
    """A body that is no join request (OP-10).

    Attributes:
        json: whether it is JSON at all.
        detail: what exactly is wrong, in words.
        code: the stable code of it.
    """

    json: bool
    detail: str
    code: str


# --- the agent's end ---------------------------------------------------------------------------


def dispatch_request(
    revision: Revision,
    url: str,
    credentials: Credentials,
    room_id: str,
    *,
    signaling_base_url: str | None = None,
) -> HttpRequest:
    """Ask a dispatcher for a worker, at its URL exactly as configured (VSD-DISP-001, VSD-DISP-002).

    Args:
        revision: whose body.
        url: the dispatcher's.
        credentials: the worker's.
        room_id: the room it shall join.
        signaling_base_url: another signaling host than VideoSDK's own; None for none.
    """
    body = revision.rest.AvatarJoinRequest(
        room_name=room_id,
        token=credentials.token,
        participant_id=credentials.participant_id,
        signaling_base_url=signaling_base_url,
    )
    constants = revision.constants
    return HttpRequest(
        method=constants.Endpoint.DISPATCH.method,
        url=url,
        headers={constants.Header.CONTENT_TYPE: constants.MediaType.JSON},
        body=msgspec.json.encode(body),
    )


def parse_dispatch_response(revision: Revision, response: HttpResponse) -> None:
    """Accept any 2xx, whatever its body (VSD-DISP-005).

    Raises:
        DispatchError: any other status, redirections included (VSD-DISP-004).
    """
    if response.status in _SUCCESS:
        return
    raise failure(
        revision,
        revision.errors.Phase.DISPATCH,
        f"the dispatcher answered HTTP {response.status}",
        status=response.status,
        body=response.text,
        requirement="VSD-DISP-004",
    )


def unset_room(revision: Revision) -> VideoSdkError:
    """A dispatcher is configured and no room id is known (VSD-DISP-003)."""
    return failure(
        revision,
        revision.errors.Phase.DISPATCH,
        revision.constants.ErrorText.ROOM_ID_UNSET,
        kind="local",
        requirement="VSD-DISP-003",
    )


def rooms_request(revision: Revision, token: str, base: str | None = None) -> HttpRequest:
    """Ask VideoSDK's room service for a new room.

    Args:
        revision: whose endpoint.
        token: the agent's own; goes out bare, without a scheme word.
        base: host or URL of the signaling service; None for VideoSDK's own.
    """
    constants = revision.constants
    root = (base or constants.Base.SIGNALING).rstrip("/")
    if "://" not in root:
        root = f"https://{root}"
    endpoint = constants.Endpoint.ROOMS
    return HttpRequest(
        method=endpoint.method,
        url=root + endpoint.path,
        headers={constants.Header.AUTHORIZATION: token},
    )


def parse_room_response(revision: Revision, response: HttpResponse) -> str:
    """The id of the room that was made.

    Raises:
        RoomCreationError: a status outside of 2xx, no JSON, or no id.
    """
    text = revision.constants.ErrorText
    if response.status not in _SUCCESS:
        raise _no_room(revision, f"{text.ROOM_FAILED}HTTP {response.status}", response)
    try:
        document: Any = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise _no_room(revision, f"{text.ROOM_FAILED}{error}", response) from None
    members = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    room_id = members.get(revision.constants.RoomField.ROOM_ID)
    if not isinstance(room_id, str) or not room_id:
        raise _no_room(revision, f"{text.ROOM_ID_MISSING}{response.text}", response)
    return room_id


def unanswered(revision: Revision, phase: str, reason: str, *, timed_out: bool) -> VideoSdkError:
    """A call that got no answer (VSD-DISP-004)."""
    rooms = phase == revision.errors.Phase.ROOM_CREATION
    text = f"{revision.constants.ErrorText.ROOM_FAILED if rooms else ''}{reason}"
    kind = "timeout" if timed_out else "transport"
    return failure(revision, phase, text, kind=kind, requirement="" if rooms else "VSD-DISP-004")


def _no_room(revision: Revision, text: str, response: HttpResponse) -> VideoSdkError:
    return failure(
        revision,
        revision.errors.Phase.ROOM_CREATION,
        text,
        status=response.status,
        body=response.text,
    )


# --- the dispatcher's end ----------------------------------------------------------------------


def parse_join_request(revision: Revision, body: bytes) -> Any | JoinRequestFault:  # noqa: ANN401 - a generated body
    """The ``AvatarJoinRequest`` of a body, or what is wrong with it.

    Unknown members and a null signaling host are fine (VSD-DISP-008).
    """
    code = str(revision.errors.ErrorCode.JOIN_REQUEST_INVALID)
    try:
        return msgspec.json.decode(body, type=revision.rest.AvatarJoinRequest)
    except msgspec.ValidationError as error:
        return JoinRequestFault(json=True, detail=str(error), code=code)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        return JoinRequestFault(json=False, detail=str(error), code=code)
