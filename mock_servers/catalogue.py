"""The error catalogue as a platform sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_servers.actions import HTTP_POINTS, SESSION_POINTS
from mock_servers.documents import substitute
from mock_servers.exchange import json_response, text_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import WireError
    from protocol_core.http import HttpResponse

__all__ = ["catalogue_reply", "points_of"]


def points_of(row: WireError) -> frozenset[str]:
    """The moments at which an error of the catalogue can be produced."""
    return HTTP_POINTS if row.at in {"rest", "upgrade"} else SESSION_POINTS


def catalogue_reply(row: WireError, variables: Mapping[str, str]) -> HttpResponse | None:
    """The HTTP answer of a row; None if the row resets the connection instead."""
    reply = row.http
    if reply is None:
        return None
    headers = substitute(dict(reply.headers), variables)
    if reply.json is not None:
        return json_response(substitute(reply.json, variables), reply.status, headers)
    return text_response(reply.text or "", reply.status, headers)
