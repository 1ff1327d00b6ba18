"""The mock VideoSDK platform: dispatcher, room service, rooms, and the workers they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import msgspec

from mock_servers.accounts import Account
from mock_servers.actions import SESSION_POINTS, Vocabulary
from mock_servers.catalogue import catalogue_reply, points_of
from mock_servers.exchange import json_response
from mock_servers.mistakes import fail
from mock_servers.options import split_options
from mock_servers.platform import Platform
from mock_servers.redaction import SecretPositions
from mock_servers.schemas import SchemaCheck
from mock_servers.videosdk.actions import ACTIONS
from mock_servers.videosdk.gate import Gate
from mock_servers.videosdk.meeting import Meeting
from mock_servers.videosdk.rejection import JoinRefusedError
from mock_servers.videosdk.session import RoomSession
from mock_servers.videosdk.socket import SocketSession
from mock_servers.videosdk.tokens import TOKEN_FORM
from mock_servers.videosdk.wire import VideoSdkCodec
from protocol_core.videosdk import calls
from protocol_core.videosdk.credentials import agent_token, mint
from protocol_core.videosdk.errors import TokenFault, TokenRefused
from protocol_core.videosdk.revision import load

if TYPE_CHECKING:
    from avatar_protocols.tables import RevisionInfo, WireError
    from mock_servers.connection import Connection
    from mock_servers.exchange import Exchange
    from mock_servers.server import Server
    from mock_servers.session import LiveSession
    from mock_servers.videosdk.gate import Admission
    from mock_servers.videosdk.worker import MockWorker
    from protocol_core.http import HttpResponse
    from protocol_core.videosdk.revision import Revision

__all__ = ["PLATFORM", "VideoSdkOptions", "VideoSdkPlatform"]

_DISPATCHER_PATH: Final = "/dispatcher"
_SIGNALING_PATH: Final = "/signaling"
_ROOMS_PATH: Final = "/rooms"
#: Query parameters of the room socket (docs/reference/room-socket.md).
_TOKEN_PARAMETER: Final = "token"  # noqa: S105 - the parameter's name
_PARTICIPANT_PARAMETER: Final = "participant_id"
#: Largest frame of the room socket, in bytes: enough for payloads that the room has to refuse.
_FRAME_BYTES: Final = 1 << 20
#: One segment of a path that no client changes on the way.
_ROOM_ID: Final = r"^(?!\.{1,2}\Z)[A-Za-z0-9_.-]+\Z"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class VideoSdkOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set about the platform's behaviour, besides `Platform`'s own arguments.

    Attributes:
        api_key: API key of the demo account.
        secret: secret of the demo account, by which every token is signed; 32 bytes at least.
        room_id: the room in the demo credentials. Rooms of any other id appear when somebody joins.
        worker: who renders: ``dispatched`` starts a mock worker for each join request, ``present``
            has one in every room from the start, ``absent`` takes join requests and starts nobody.
        worker_id: participant id of a worker that is present.
        start_delay: seconds between an accepted join request and the worker's join.
        workers: workers that can run at a time; None is unlimited.
        linger: seconds that a worker stays in a room where nobody else is left.
        sample_rate: of the audio in Hz, agreed with the agent; None for the documents' default.
        strict_sender: participant id of the agent; a mock worker then hears nobody else
            (VSD-CHAN-014). None hears everybody.
        loss: share of unreliable payloads that are lost.
        reorder: share of the others that are overtaken.
        latency: seconds that every payload takes.
        utf8_text_decoding: hand binary payloads that are UTF-8 over as text, as the vendor's
            transport does (OP-1).
    """

    api_key: str = "demo-api-key"
    secret: Annotated[str, msgspec.Meta(min_length=32)] = "demo-secret-of-at-least-32-bytes"  # noqa: S105 - a demo's
    room_id: Annotated[str, msgspec.Meta(pattern=_ROOM_ID)] = "demo-room"
    worker: Literal["dispatched", "present", "absent"] = "dispatched"
    worker_id: Annotated[str, msgspec.Meta(min_length=1)] = "avatar_0a1b2c3d"
    start_delay: Seconds = 0.0
    workers: Annotated[int, msgspec.Meta(ge=0)] | None = None
    linger: Seconds = 60.0
    sample_rate: Annotated[int, msgspec.Meta(ge=1)] | None = None
    strict_sender: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    loss: Share = 0.0
    reorder: Share = 0.0
    latency: Seconds = 0.0
    utf8_text_decoding: bool = False


class VideoSdkPlatform(Platform):
    """A mock VideoSDK platform.

    Agents and workers in this process join by `meeting`, others by the room socket.

    Args:
        revision: the revision to play.
        **settings: arguments of `Platform` and members of `VideoSdkOptions`.

    Attributes:
        options: how it was set up.
        modules: the revision's generated modules.
        wire: names and explains payloads and bodies.
        rooms: the rooms by id.
        gate: decides who may enter them.
    """

    protocol: ClassVar[str] = "videosdk"

    def __init__(self, revision: RevisionInfo, **settings: Any) -> None:  # noqa: ANN401 - two sets of options
        self.options, settings = split_options(settings, VideoSdkOptions)
        self.modules: Revision = load(revision.id)
        self.rooms: dict[str, RoomSession] = {}
        self._admissions: dict[str, Admission] = {}
        endpoint = self.modules.constants.Endpoint
        self._room: str = endpoint.ROOM.name
        self._endpoints: dict[str, str] = {
            _DISPATCHER_PATH + endpoint.DISPATCH.path: endpoint.DISPATCH.name,
            _SIGNALING_PATH + endpoint.ROOMS.path: endpoint.ROOMS.name,
        }
        self._methods = {each.name: each.method for each in endpoint.ALL}
        self._calls = {
            endpoint.DISPATCH.name: self._start_worker,
            endpoint.ROOMS.name: self._create_room,
        }
        self.carriers = frozenset({self._room})
        secrets = {self.options.api_key: self.options.secret}
        self.wire = VideoSdkCodec(self.modules, SchemaCheck(self.protocol, revision.id), secrets)
        super().__init__(revision, **settings)
        self.gate = Gate(self)
        self.reset_accounts()

    # -- what the framework asks -------------------------------------------------------------------

    def make_codec(self) -> VideoSdkCodec:
        return self.wire

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            actions=ACTIONS,
            errors={name: _points(row) for name, row in self.modules.errors.CATALOGUE.items()},
            endpoints=self._methods,
        )

    def secret_positions(self) -> SecretPositions:
        constants = self.modules.constants
        return SecretPositions(
            headers=frozenset({constants.Header.AUTHORIZATION.lower()}),
            query=frozenset({_TOKEN_PARAMETER}),
            members=frozenset({constants.JoinField.TOKEN}),
            forms={"token": TOKEN_FORM},
        )

    @property
    def message_bytes(self) -> int:
        return _FRAME_BYTES

    @property
    def urls(self) -> dict[str, str]:
        endpoint = self.modules.constants.Endpoint
        return {
            endpoint.DISPATCH.base: f"http://{self.mount_address}{_DISPATCHER_PATH}",
            endpoint.ROOMS.base: f"http://{self.mount_address}{_SIGNALING_PATH}",
            endpoint.ROOM.base: f"ws://{self.mount_address}{_ROOMS_PATH}",
        }

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "api_key": self.options.api_key,
            "secret": self.options.secret,
            "room_id": self.options.room_id,
        }

    def attach(self, server: Server) -> None:
        super().attach(server)
        self._open_rooms()

    def reset_accounts(self) -> None:
        options = self.options
        self.gate.reset()
        self._admissions.clear()
        self.accounts.clear()
        self.accounts.add(Account(name="demo", api_key=options.api_key))
        self.redactor.register("api_key", options.api_key)
        self.redactor.register("secret", options.secret)
        for session in tuple(self.rooms.values()):
            session.ended(None, "platform reset")
        self.rooms.clear()
        if self.server is not None:
            self._open_rooms()

    def route(self, method: str, path: str) -> tuple[str, bool] | None:
        del method  # a wrong one is answered by the endpoint itself
        if path.startswith(f"{_ROOMS_PATH}/"):
            return self._room, True
        found = self._endpoints.get(path)
        return None if found is None else (found, False)

    def answer(self, exchange: Exchange) -> HttpResponse | None:
        if exchange.method != self._methods[exchange.endpoint]:
            return self.error_response("dispatch_method_not_allowed")
        return self._calls[exchange.endpoint](exchange)

    def admit(self, exchange: Exchange) -> HttpResponse | None:
        """Judge a join by the room socket (OP-8)."""
        session = self.room(_room_of(exchange))
        token = exchange.query.get(_TOKEN_PARAMETER, "")
        try:
            wanted = exchange.query.get(_PARTICIPANT_PARAMETER, "")
            admission = self.gate.judge(session.room, token, wanted)
        except JoinRefusedError as refusal:
            return self._refusal(refusal.row, refusal.detail)
        self._admissions[exchange.target] = admission
        return None

    def start_session(self, exchange: Exchange, connection: Connection) -> LiveSession:
        session = self.room(_room_of(exchange))
        admission = self._admissions.pop(exchange.target)  # of `admit`, a moment ago
        return SocketSession(self, connection, session, admission)

    def error_response(self, name: str) -> HttpResponse | None:
        base = self.modules.constants.Endpoint.DISPATCH.base
        row = self.modules.errors.CATALOGUE[name]
        return catalogue_reply(row, {"dispatcher": self.urls[base]})

    def session(self, which: int | str = -1) -> LiveSession:
        """A room by position or by id; -1 is the one that somebody entered last.

        Raises:
            ConfigurationError: there is no such room.
        """
        found = self.rooms.get(which) if isinstance(which, str) else None
        rooms = list(self.rooms.values())
        if isinstance(which, int) and -len(rooms) <= which < len(rooms):
            found = rooms[which]
        if found is None:
            fail("session", "no such room", which, list(self.rooms))
        return found

    def forget(self, session: LiveSession) -> None:
        """Drop a room or a socket; the room's own records tell of it."""
        if session in self.sessions:
            self.sessions.remove(session)

    # -- the dispatcher ----------------------------------------------------------------------------

    def _start_worker(self, exchange: Exchange) -> HttpResponse | None:
        """Take a join request (VSD-DISP-008 to VSD-DISP-010, OP-10)."""
        order = calls.parse_join_request(self.modules, exchange.body)
        if isinstance(order, calls.JoinRequestFault):
            name = "join_request_invalid" if order.json else "join_request_not_json"
            return self._refusal(name, order.detail)
        try:
            claims = self.gate.verify(order.token, order.participant_id)
        except TokenRefused as refused:
            return self.error_response(_DISPATCHER_ROWS[refused.fault])
        participant_id = claims.participant_id or ""
        session = self.room(order.room_name)
        running = session.workers.get(participant_id)
        if running is None or not running.wanted:
            if self._full():
                return self.error_response("dispatch_no_capacity")
            worker = session.start_worker(participant_id, order.token)
            if self.options.worker == "dispatched":
                self._set_off(session, worker)
        return json_response({"accepted": participant_id}, _ACCEPTED)

    def _set_off(self, session: RoomSession, worker: MockWorker) -> None:
        """Let a worker join when the answer is on its way (VSD-DISP-009)."""
        worker.wanted = True
        if self.options.start_delay > 0:
            session.later(self.options.start_delay, worker.join)
        else:
            session.soon(worker.join)

    def _refusal(self, name: str, detail: str) -> HttpResponse | None:
        """The answer of a row, with our own words."""
        reply = self.error_response(name)
        body = self.modules.rest.DispatcherError(error=detail)
        return None if reply is None else json_response(body, reply.status)

    def _full(self) -> bool:
        running = sum(
            worker.wanted for room in self.rooms.values() for worker in room.workers.values()
        )
        return self.options.workers is not None and running >= self.options.workers

    # -- the room service --------------------------------------------------------------------------

    def _create_room(self, exchange: Exchange) -> HttpResponse | None:
        """Make a room for whoever has an account."""
        token = exchange.headers.get(self.modules.constants.Header.AUTHORIZATION, "")
        try:
            self.gate.verify(token, worker=False)
        except TokenRefused:
            return self.error_response("room_unauthorized")
        name = self.mint.identifier("room")
        self.room(name)
        return json_response(self.modules.rest.RoomResponse(room_id=name))

    # -- rooms -------------------------------------------------------------------------------------

    def room(self, room_id: str) -> RoomSession:
        """The room of this id; it appears when it is first asked for."""
        found = self.rooms.get(room_id)
        if found is None:
            self._forget_empty_rooms()
            found = RoomSession(self, room_id, self.next_channel())
            self.rooms[room_id] = found
            self.sessions.append(found)
            if self.options.worker == "present":
                worker_id = self.options.worker_id
                found.start_worker(worker_id, self.token(worker_id)).join()
        return found

    def note_life(self, session: RoomSession) -> None:
        """Somebody enters a room: from now on it is the one that is meant where none is named."""
        if self.rooms.pop(session.id, None) is not None:
            self.rooms[session.id] = session

    def token(self, participant_id: str | None = None, *, ttl: int | None = None) -> str:
        """A token of the demo account: a worker's, or an agent's own where no id is given.

        Args:
            participant_id: whom it is for.
            ttl: lifetime in seconds; None for the documents' own.
        """
        account = {"api_key": self.options.api_key, "secret": self.options.secret}
        if participant_id is None:
            return agent_token(self.modules, **account, now=self.wall(), ttl=ttl)
        minted = mint(
            self.modules, **account, now=self.wall(), participant_id=participant_id, ttl=ttl
        )
        return minted.token

    def meeting(
        self, *, room_id: str | None = None, token: str | None = None, participant_id: str = ""
    ) -> Meeting:
        """A stand-in for the vendor's meeting object, in this process; `Meeting.join` enters.

        Args:
            room_id: the room; None for the demo room.
            token: what to join with; None mints one for the participant, or an agent's.
            participant_id: whom to join as; "" leaves it to the token, or to the room.
        """
        given = self.token() if token is None else token
        session = self.room(room_id or self.options.room_id)
        return Meeting(session, self.modules, given, participant_id)

    # -- inside ------------------------------------------------------------------------------------

    def _open_rooms(self) -> None:
        self.room(self.options.room_id)

    def _forget_empty_rooms(self) -> None:
        """Rooms are remembered, so that whoever comes again finds them; not for ever."""
        if len(self.rooms) < _ROOMS_KEPT:
            return
        for name, session in tuple(self.rooms.items()):
            workers_only = all(each.role == "server" for each in session.room.participants)
            if name != self.options.room_id and workers_only:
                del self.rooms[name]
                session.ended(None, "")


_ACCEPTED: Final = 202
_ROOMS_KEPT: Final = 1000
#: Why a token is refused -> the dispatcher's row, and the room's.
_DISPATCHER_ROWS: Final = {
    TokenFault.HEADER: "token_unsigned",
    TokenFault.SIGNATURE: "token_signature_invalid",
    TokenFault.CLAIMS: "token_claims_invalid",
    TokenFault.EXPIRED: "token_expired",
    TokenFault.PARTICIPANT: "token_participant_mismatch",
}


def _points(row: WireError) -> frozenset[str]:
    """The moments at which an error can be produced; a refused join is a refused upgrade."""
    if row.at == "handshake":
        return SESSION_POINTS | {"upgrade"}
    return points_of(row)


def _room_of(exchange: Exchange) -> str:
    return exchange.path.removeprefix(f"{_ROOMS_PATH}/")


PLATFORM = VideoSdkPlatform
