"""Discovery as a client sees it: the request, what the answer means, and whom to try first.

request = discovery_request(revision, config, settings)
instances = read_discovery(revision, response)        usable ones, or an error
candidates = choose(instances, avatar_id, rng, limit)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec

from protocol_core.akool.addresses import Instance, discovery_url
from protocol_core.akool.errors import failure
from protocol_core.http import HttpRequest
from protocol_core.loose import loosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from protocol_core.akool.config import ClientConfig, ClientSettings
    from protocol_core.akool.revision import Revision
    from protocol_core.http import HttpResponse

__all__ = ["choose", "discovery_request", "read_discovery"]

_OK = 200
"""Success is HTTP 200 and nothing else (AKO-DISC-007)."""


def discovery_request(
    revision: Revision, config: ClientConfig, settings: ClientSettings
) -> HttpRequest:
    """The call that asks for instances (AKO-DISC-001 to AKO-DISC-006).

    The key goes into a header and never into the URL (AKO-AUTH-008). The documented dialect asks
    for none, but allows it (OP-14).
    """
    constants = revision.constants
    headers = {
        constants.Header.API_KEY: config.api_key,
        constants.Header.CONTENT_TYPE: constants.MediaType.JSON,
    }
    query: dict[str, str] = {}
    if revision.names_avatar:
        query[constants.Query.AVATAR_ID] = config.avatar_id
    if settings.environment == constants.Environment.TEST:
        query[constants.Query.GROUP_NAME] = constants.Group.TEST
    return HttpRequest(
        method=constants.Endpoint.SERVICE_STATUS.method,
        url=discovery_url(revision, settings.discovery_url, query),
        headers=headers,
    )


def read_discovery(revision: Revision, response: HttpResponse) -> list[Instance]:
    """The instances that may be used; members that nobody names are passed over (AKO-DISC-013).

    Raises:
        AuthenticationError: the key was refused (AKO-AUTH-005).
        NoServicesError: there is nobody to use (AKO-DISC-014).
        DiscoveryError: anything else that is no list of instances (AKO-ERR-005).
    """
    if response.status != _OK:
        _fail(revision, response, f"discovery answered with HTTP {response.status}")
    try:
        document = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        _fail(revision, response, f"discovery answered with what is not JSON: {error}")
    if not isinstance(document, dict):
        _fail(revision, response, "discovery answered with JSON that is no object")
    body = cast("dict[str, Any]", document)
    read = _read_documented if revision.documented else _read_envelope
    found = read(revision, response, body)
    if not found:
        _fail(
            revision,
            response,
            "discovery knows no instance that can be used",
            code=revision.errors.ErrorCode.NO_SERVICES,
            requirement="AKO-DISC-014",
        )
    return found


def choose(
    instances: Sequence[Instance], avatar_id: str, rng: Random, limit: int
) -> tuple[Instance, ...]:
    """Whom to try, in this order: those that have the avatar, else all; shuffled, then cut off.

    Args:
        instances: usable ones.
        avatar_id: the wanted avatar (AKO-DISC-011).
        rng: where chance comes from (AKO-DISC-012).
        limit: how many at most.
    """
    candidates = [item for item in instances if item.avatar_id == avatar_id] or [*instances]
    rng.shuffle(candidates)
    return tuple(candidates[:limit])


def _read_envelope(
    revision: Revision, response: HttpResponse, body: dict[str, Any]
) -> list[Instance]:
    """The body of v2: a number, and data when it says success."""
    results, status = revision.constants.ResultCode, revision.constants.InstanceStatus
    envelope: Any = msgspec.convert(body, loosen(revision.rest.DiscoveryResponse))
    said = revision.constants.Substitute.ERROR_TEXT
    if isinstance(envelope.msg, str):
        said = envelope.msg
    number: object = envelope.code
    if isinstance(number, bool) or not isinstance(number, int):
        _fail(revision, response, f"discovery failed: {said}")
    if number != results.SUCCESS:
        message = f"discovery failed: {said}"
        _fail(revision, response, message, server_code=number, server_text=said)
    data = _converted(revision, response, body).data
    if data is None or data is msgspec.UNSET:
        _fail(revision, response, "discovery succeeded without data", server_code=number)
    listed: list[Any] = [] if data.instances is msgspec.UNSET else data.instances
    return [
        Instance(host=item.ip, port=item.port, avatar_id=item.avatar_id)
        for item in listed
        if item.healthy and item.status == status.AVAILABLE  # AKO-DISC-010
    ]


def _read_documented(
    revision: Revision, response: HttpResponse, body: dict[str, Any]
) -> list[Instance]:
    """README's body: a flag, and data when it is set (AKO-DISC-103)."""
    active = revision.constants.ServiceStatus.ACTIVE
    answer = _converted(revision, response, body)
    if not answer.success or answer.data is None or answer.data is msgspec.UNSET:
        _fail(revision, response, "discovery failed", requirement="AKO-DISC-103")
    return [
        Instance(host=item.host, port=item.port)
        for item in answer.data.services
        if item.status == active  # AKO-DISC-102
    ]


def _converted(revision: Revision, response: HttpResponse, body: dict[str, Any]) -> Any:
    """The generated body. One instance that lacks a member spoils all, as in the package."""
    try:
        return msgspec.convert(body, revision.rest.DiscoveryResponse)
    except msgspec.ValidationError as error:
        _fail(revision, response, f"discovery answered with something else: {error}")


def _fail(revision: Revision, response: HttpResponse, message: str, **facts: Any) -> NoReturn:
    raise failure(
        revision,
        message,
        phase=revision.errors.Phase.DISCOVERY,
        http_status=response.status,
        raw_body=response.text,
        **{"requirement": "AKO-ERR-005", **facts},
    )
