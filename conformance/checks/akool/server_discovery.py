"""What discovery answers: the list of instances, its members, and a key that it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.akool.v0_1_8 import rest as v2_rest
from avatar_protocols.akool.v0_1_8.constants import ResultCode
from avatar_protocols.akool.v0_1_8_documented import rest as documented_rest
from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._server import DISCOVERY, V2
from conformance.trace import members_of
from mock_servers.documents import is_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_OK: Final = 200
_UNAUTHORIZED: Final = 401
_TYPES: Final[dict[object, type]] = {"str": str, "int": int, "bool": bool}


def _answers(trace: Trace) -> Iterator[tuple[Record, Record | None]]:
    """The discovery calls that must succeed, and their answers."""
    if not trace.expect.get("refused"):
        yield from trace.http(DISCOVERY)


def _listed(reply: Record, member: str) -> list[Any] | None:
    """The list of a successful answer; None where there is none."""
    found = members_of((reply.data or {}).get("data")).get(member)
    return [*found] if is_list(found) else None


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@check("AKO-DISC-007", role="server", revisions=V2)
def success_is_code_1000(trace: Trace) -> Findings:
    """Success is HTTP 200 with the number 1000 and a list data.instances."""
    for request, reply in _answers(trace):
        if reply is None:
            yield failed(request, "the discovery call got no reply")
            continue
        code = (reply.data or {}).get("code")
        if reply.status != _OK:
            yield failed(reply, f"discovery answered with HTTP {reply.status}, not {_OK}")
        elif not _whole(code) or code != ResultCode.SUCCESS:
            yield failed(reply, f"code is {code!r}, not the number {ResultCode.SUCCESS}")
        elif _listed(reply, "instances") is None:
            yield failed(reply, "data.instances is no list")
        else:
            yield passed(reply)


@check("AKO-DISC-008", role="server", revisions=V2)
def instances_are_complete(trace: Trace) -> Findings:
    """Every instance has its six members, each of its type."""
    for _, reply in _answers(trace):
        for item in (_listed(reply, "instances") or []) if reply is not None else []:
            wrong = _lacking(item, v2_rest.Instance)
            if wrong:
                yield failed(reply, f"an instance {wrong}; clients give up the whole list over it")
            else:
                yield passed(reply)


@check("AKO-DISC-101", role="server", revisions=["0.1.8-documented"])
def success_is_true(trace: Trace) -> Findings:
    """Success is HTTP 200 with success true and a list data.services, each one complete."""
    for request, reply in _answers(trace):
        if reply is None:
            yield failed(request, "the discovery call got no reply")
            continue
        services = _listed(reply, "services")
        success = (reply.data or {}).get("success")
        if reply.status != _OK:
            yield failed(reply, f"discovery answered with HTTP {reply.status}, not {_OK}")
        elif success is not True:
            yield failed(reply, f"success is {success!r}, not true")
        elif services is None:
            yield failed(reply, "data.services is no list")
        else:
            wrong = [w for item in services if (w := _lacking(item, documented_rest.Service))]
            yield failed(reply, f"a service {wrong[0]}") if wrong else passed(reply)


@check("AKO-AUTH-004", role="server", revisions=V2)
def a_bad_key_is_told(trace: Trace) -> Findings:
    """A key that discovery does not know is HTTP 401, or 200 with the number 4001."""
    if not trace.expect.get("refused"):
        return
    for request, reply in trace.http(DISCOVERY):
        code = None if reply is None else (reply.data or {}).get("code")
        if reply is None:
            yield failed(request, "the discovery call got no reply")
        elif reply.status == _UNAUTHORIZED:
            yield passed(reply, observed="HTTP 401")
        elif reply.status == _OK and _whole(code) and code == ResultCode.AUTHENTICATION:
            yield passed(reply, observed="code 4001")
        else:
            yield failed(
                reply,
                f"a bad key was answered with HTTP {reply.status} and code {code!r}; clients "
                f"know it by {_UNAUTHORIZED}, or by {_OK} with {ResultCode.AUTHENTICATION}",
            )


def _lacking(item: object, record: type[msgspec.Struct]) -> str:
    """What is wrong with an entry of the list; "" if nothing is."""
    members = members_of(item)
    for name, kind in record.__annotations__.items():
        value = members.get(name)
        wanted = _TYPES[kind]
        if name not in members:
            return f"has no {name}"
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            return f"has {name} {value!r}, which is no {wanted.__name__}"
    return ""
