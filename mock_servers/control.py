"""The control API: what Python tests do in process, over HTTP for everybody else.

Paths stand below ``/_understudy/``. ``health``, ``describe`` and ``reset`` concern the whole
server; every other call names a platform first, which may be left out while there is only one::

    POST /_understudy/avatarkit/advance       {"seconds": 60}
    POST /_understudy/avatarkit/act           {"action": {"error": "idle_timeout"}}
    PUT  /_understudy/avatarkit/plan          [{"on": "upgrade", "do": [{"reset": true}]}]
    POST /_understudy/avatarkit/journal/wait  {"match": {"kind": "close"}, "deadline": 5}

Errors are JSON objects with ``error`` in words and the fitting status.
"""

from __future__ import annotations

import hmac
import io
import json
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mock_servers.actions import Leap
from mock_servers.exchange import json_response, read_body
from mock_servers.hosts import is_loopback
from mock_servers.journal import NotSeenError
from protocol_core.errors import ConfigurationError
from protocol_core.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from mock_servers.platform import Platform
    from mock_servers.server import Server

    Handler = Callable[["Call"], Awaitable[HttpResponse]]

__all__ = ["ControlApi"]

_BODY_BYTES = 1 << 20
_LONGEST_WAIT = 300.0


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One control call to one platform.

    Attributes:
        platform: the platform.
        rest: path segments behind those that named the call.
        query: query parameters.
        body: the JSON body; None if there is none.
    """

    platform: Any
    rest: list[str]
    query: dict[str, str]
    body: Any


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    seconds: Leap


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    action: dict[str, Any] | list[dict[str, Any]]
    session: int | str = -1


class _Wait(msgspec.Struct, forbid_unknown_fields=True):
    match: dict[str, Any]
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    deadline: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_WAIT)] = 5.0
    after: int = 0


class ControlApi:
    """The control API of one server.

    Args:
        server: the server and its platforms.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle(self, request: web.BaseRequest, parts: list[str]) -> HttpResponse:
        """Answer one call; every mistake of the caller becomes a clear reply."""
        refusal = self._authorise(request)
        if refusal is not None:
            return refusal
        try:
            return await self._dispatch(request, parts)
        except ConfigurationError as error:
            return _problem(400, str(error))
        except (TypeError, ValueError, RecursionError) as error:  # msgspec's are ValueErrors
            return _problem(400, f"the body does not fit: {error}")
        except NotSeenError as error:
            return json_response(
                {
                    "error": str(error),
                    "seen": msgspec.to_builtins(error.seen),
                    "near_misses": [
                        {"record": msgspec.to_builtins(record), "differences": differences}
                        for record, differences in error.near_misses
                    ],
                },
                408,
            )

    def _authorise(self, request: web.BaseRequest) -> HttpResponse | None:
        token = self._server.control_token
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and not hmac.compare_digest(given.encode(), token.encode()):
            return _problem(401, "the control API needs the header Authorization: Bearer TOKEN")
        if not token and ("Origin" in request.headers or not _is_local(request.host)):
            # A web page may not steer a platform on its visitor's machine, nor read its journal
            # under a host name that it makes point there.
            return _problem(403, "control calls from web pages need a control token")
        return None

    async def _dispatch(self, request: web.BaseRequest, parts: list[str]) -> HttpResponse:
        mounts = self._server.mounts
        if len(parts) == 1 and (request.method, parts[0]) in _SERVER_CALLS:
            return _SERVER_CALLS[request.method, parts[0]](self._server)
        if parts and parts[0] in mounts:
            platform, parts = mounts[parts[0]], parts[1:]
        elif len(mounts) == 1:
            platform = next(iter(mounts.values()))
        else:
            return _problem(404, f"name a platform first: {', '.join(sorted(mounts))}")
        for length in (2, 1):
            handler = _CALLS.get((request.method, "/".join(parts[:length])))
            if handler is not None:
                body = await _read_json(request)
                call = Call(
                    platform=platform, rest=parts[length:], query=dict(request.query), body=body
                )
                return await handler(call)
        known = ", ".join(f"{method} {path}" for method, path in sorted(_CALLS))
        return _problem(404, f"no such control call: {request.method} {'/'.join(parts)}", known)


async def _read_json(request: web.BaseRequest) -> Any:  # noqa: ANN401 - any JSON document
    body = await read_body(request, _BODY_BYTES)
    return json.loads(body) if body else None


def _health(server: Server) -> HttpResponse:
    return json_response({"status": "ok", "platforms": sorted(server.mounts)})


def _describe_all(server: Server) -> HttpResponse:
    return json_response({name: each.describe() for name, each in server.mounts.items()})


def _reset_all(server: Server) -> HttpResponse:
    for platform in server.mounts.values():
        platform.reset()
    return json_response({"reset": sorted(server.mounts)})


async def _describe(call: Call) -> HttpResponse:
    return json_response(call.platform.describe())


async def _reset(call: Call) -> HttpResponse:
    call.platform.reset()
    return json_response({"reset": [call.platform.name]})


async def _clock(call: Call) -> HttpResponse:
    platform: Platform = call.platform
    frozen = getattr(platform.clock, "frozen", False)
    return json_response({"now": platform.now(), "wall": platform.wall(), "frozen": frozen})


async def _advance(call: Call) -> HttpResponse:
    await call.platform.advance(msgspec.convert(call.body, _Advance).seconds)
    return await _clock(call)


async def _freeze(call: Call) -> HttpResponse:
    call.platform.freeze()
    return await _clock(call)


async def _resume(call: Call) -> HttpResponse:
    call.platform.resume()
    return await _clock(call)


async def _plan(call: Call) -> HttpResponse:
    return json_response(call.platform.plan.dump())


async def _put_plan(call: Call) -> HttpResponse:
    call.platform.plan.replace(msgspec.convert(call.body, list[dict[str, Any]]))
    return await _plan(call)


async def _post_plan(call: Call) -> HttpResponse:
    call.platform.plan.append(call.body)
    return await _plan(call)


async def _delete_plan(call: Call) -> HttpResponse:
    call.platform.plan.replace([])
    return await _plan(call)


async def _act(call: Call) -> HttpResponse:
    act = msgspec.convert(call.body, _Act)
    await call.platform.act(act.action, session=act.session)
    return json_response({"done": True})


async def _sessions(call: Call) -> HttpResponse:
    return json_response([session.describe() for session in call.platform.sessions])


async def _journal(call: Call) -> HttpResponse:
    """Records, filtered by kind, name, sender, source or connection; after=SEQ, limit=N."""
    query = dict(call.query)
    after, limit = int(query.pop("after", 0)), int(query.pop("limit", 1000))
    unknown = set(query) - {"kind", "name", "sender", "source", "connection"}
    if unknown:
        raise ValueError(f"no such filter: {', '.join(sorted(unknown))}")
    members: dict[str, Any] = dict(query)
    if "connection" in members:
        members["connection"] = int(members["connection"])
    found = [record for record in call.platform.journal.where(members) if record.seq > after]
    return json_response(msgspec.to_builtins(found[:limit]))


async def _clear_journal(call: Call) -> HttpResponse:
    call.platform.journal.clear()
    return json_response([])


async def _wait(call: Call) -> HttpResponse:
    wait = msgspec.convert(call.body, _Wait)
    records = await call.platform.journal.wait_for(
        wait.match, wait.count, wait.deadline, after=wait.after
    )
    return json_response(msgspec.to_builtins(records))


async def _trace(call: Call) -> HttpResponse:
    platform: Platform = call.platform
    file = io.StringIO()
    platform.journal.export(file, platform.trace_header())
    return HttpResponse(
        status=200,
        headers={"Content-Type": "application/jsonl"},
        body=file.getvalue().encode(),
    )


async def _accounts(call: Call) -> HttpResponse:
    return json_response([account.describe() for account in call.platform.accounts])


async def _change_account(call: Call) -> HttpResponse:
    name = call.rest[0] if call.rest else ""
    account = call.platform.accounts.by_name(name)
    if account is None:
        known = ", ".join(each.name for each in call.platform.accounts)
        return _problem(404, f"no such account: {name!r}; there are {known}")
    account.change(call.body)
    return json_response(account.describe())


_SERVER_CALLS: dict[tuple[str, str], Callable[[Server], HttpResponse]] = {
    ("GET", "health"): _health,
    ("GET", "describe"): _describe_all,
    ("POST", "reset"): _reset_all,
}

_CALLS: dict[tuple[str, str], Handler] = {
    ("GET", "describe"): _describe,
    ("POST", "reset"): _reset,
    ("GET", "clock"): _clock,
    ("POST", "advance"): _advance,
    ("POST", "freeze"): _freeze,
    ("POST", "resume"): _resume,
    ("GET", "plan"): _plan,
    ("PUT", "plan"): _put_plan,
    ("POST", "plan"): _post_plan,
    ("DELETE", "plan"): _delete_plan,
    ("POST", "act"): _act,
    ("GET", "sessions"): _sessions,
    ("GET", "journal"): _journal,
    ("DELETE", "journal"): _clear_journal,
    ("POST", "journal/wait"): _wait,
    ("GET", "journal/trace"): _trace,
    ("GET", "accounts"): _accounts,
    ("PATCH", "accounts"): _change_account,
}


def _is_local(host: str) -> bool:
    """Whether a Host header names this machine."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name)


def _problem(status: int, text: str, known: str = "") -> HttpResponse:
    return json_response({"error": text, **({"known": known} if known else {})}, status)
