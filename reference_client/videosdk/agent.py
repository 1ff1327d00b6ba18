"""The VideoSDK reference agent: the side of a voice agent that speaks through an avatar.

    config = AgentConfig(api_key=…, secret=…, room_id=…, dispatcher_url=…)
    async with AvatarAgent(config, room_url=…) as agent:
        await agent.start()                     # credentials, dispatcher, room
        async with agent.turn() as turn:        # one utterance; its end mark goes out at the end
            async for pcm in speech:
                await turn.say(pcm)
        await agent.interrupt()

In a live VideoSDK meeting: ``await agent.dispatch()``, join as usual, ``agent.attach(meeting)``.

What may be sent when is decided in `protocol_core.videosdk`. Errors of the start are raised by it.
A channel that is lost later never raises: the voice goes on without its face, and the listener is
told (VSD-ERR-001, VSD-ERR-005).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.videosdk.agent import AgentSession
from protocol_core.videosdk.events import Detached, Event
from protocol_core.videosdk.revision import PROTOCOL
from reference_client.callbacks import Callbacks
from reference_client.http import HttpClient, RequestFailed
from reference_client.timers import clock_or_loop
from reference_client.videosdk.listener import AgentListener, report
from reference_client.videosdk.meeting import Ears
from reference_client.videosdk.room_socket import RoomSocket

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import AsyncGenerator, Callable, Iterable

    from protocol_core.clock import Clock
    from protocol_core.http import HttpRequest, HttpResponse
    from protocol_core.videosdk.codec import Outgoing
    from protocol_core.videosdk.config import AgentConfig
    from protocol_core.videosdk.revision import Revision
    from protocol_core.videosdk.turns import Turn
    from reference_client.videosdk.meeting import Meeting

__all__ = ["AvatarAgent", "Utterance", "connect"]

logger = logging.getLogger(__name__)


class Utterance:
    """One turn of speech; made by `AvatarAgent.turn`."""

    def __init__(self, agent: AvatarAgent, turn: Turn) -> None:
        self._agent = agent
        self._turn = turn

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped; what is said in it now is dropped."""
        return self._turn.interrupted

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._turn.over

    async def say(self, pcm: bytes) -> bool:
        """Send one buffer of speech: signed 16-bit little-endian, mono.

        Waits while the room is congested, and while the worker would drop it (VSD-INT-009).

        Returns:
            Whether all of it went out. False after an interrupt, outside of the room, or when the
            channel was lost on the way; what is left is dropped then (VSD-ERR-002).

        Raises:
            LocalProtocolError: the turn is over.
        """
        return await self._agent.say(self._turn, pcm)

    async def end(self, *, completed: bool = True) -> None:
        """End it; a cancelled one just stops (VSD-SEG-001, VSD-SEG-002). Repeatable."""
        await self._agent.end_turn(self._turn, completed=completed)


class AvatarAgent:
    """One agent; an asynchronous context manager that closes it.

    Args:
        config: what to do and how.
        listener: callbacks; None for none.
        room_url: base of the rooms that `join` dials (`RoomSocket`); None where meetings are only
            attached.
        revision: protocol revision or its modules; None for the default.
        clock: the clock of all time limits and of the cooldown; real time by default.
        wall_clock: seconds since the epoch, for tokens.
        ssl: TLS settings; None for the default trust store.

    Raises:
        ConfigurationError: the settings cannot work.
    """

    def __init__(
        self,
        config: AgentConfig,
        listener: AgentListener | None = None,
        *,
        room_url: str | None = None,
        revision: str | Revision | None = None,
        clock: Clock | None = None,
        wall_clock: Callable[[], float] = time.time,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self.listener = AgentListener() if listener is None else listener
        self._session = AgentSession(config, revision=revision)
        self._room_url = room_url
        self._given_clock = clock
        self._wall = wall_clock
        self._ssl = ssl
        self._id = config.agent_id or f"agent_{secrets.token_hex(4)}"
        self._callbacks = Callbacks()
        self._meeting: Meeting | None = None
        self._socket: RoomSocket | None = None
        self._ears = Ears(
            self._session.revision,
            on_payload=self._hear,
            on_joined=lambda who: self._report(self._session.participant_joined(who)),
            on_left=lambda who: self._report(self._session.participant_left(who)),
            on_gone=self._gone,
        )
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def session(self) -> AgentSession:
        """The agent's rules and state."""
        return self._session

    @property
    def participant_id(self) -> str:
        """The avatar's identity."""
        return self._session.participant_id

    @property
    def room_id(self) -> str | None:
        """The room; None while none is known."""
        return self._session.room_id

    @property
    def is_attached(self) -> bool:
        """Whether what is said goes out."""
        return self._session.is_attached

    # --- the way into the room ------------------------------------------------------------------

    async def start(self) -> None:
        """Ask for the worker, then join the room (VSD-DISP-011).

        Raises:
            VideoSdkError: a call or the join failed (VSD-ERR-004).
        """
        await self.dispatch()
        await self.join()

    async def dispatch(self) -> None:
        """Make a room if none is known, and ask for the worker if there is anybody to ask.

        Raises:
            CredentialsError: no token can be signed.
            RoomCreationError: no room was made.
            DispatchError: the worker was not started (VSD-DISP-004).
        """
        session, phase = self._session, self._session.revision.errors.Phase
        request = session.rooms_request(self._wall())
        if request is not None:
            try:
                response = await self._call(request)
            except RequestFailed as error:
                raise session.room_unanswered(error.reason, timed_out=error.timed_out) from error
            session.receive_room_response(response)
        request = session.dispatch_request(self._wall())
        if request is None:
            logger.info("nobody is asked for a worker (%s)", phase.DISPATCH)
            return
        try:
            response = await self._call(request)
        except RequestFailed as error:
            raise session.dispatch_unanswered(error.reason, timed_out=error.timed_out) from error
        except asyncio.CancelledError:
            session.dispatch_unanswered("cancelled", timed_out=False)
            raise
        session.receive_dispatch_response(response)

    async def join(self) -> None:
        """Join the room and attach to it; also to come back after a loss (VSD-LIFE-006).

        Raises:
            JoinError: the room refused, or gave no answer.
            CredentialsError: there is no token of our own and none can be signed.
            ConfigurationError: there is no room to dial.
        """
        if self._room_url is None or self.room_id is None:
            setting = "room_url" if self._room_url is None else "room_id"
            raise ConfigurationError("there is no room to dial", setting=setting)
        await self._leave_socket()
        socket = await RoomSocket.join(
            self._room_url,
            self.room_id,
            self._session.token(self._wall()),
            self._id,
            clock=self._clock,
            revision=self._session.revision,
            drain=self._callbacks.drain,
            ssl=self._ssl,
        )
        try:
            self.attach(socket, socket.participants)
        except BaseException:
            await socket.leave()
            raise
        self._socket = socket

    def attach(self, meeting: Meeting, participants: Iterable[str] = ()) -> None:
        """Speak in a meeting that was joined (VSD-LIFE-001).

        Args:
            meeting: the room; it stays the caller's to leave.
            participants: ids of who else is there, if known.

        Raises:
            LocalProtocolError: `dispatch` comes first, or we are attached, or closed.
        """
        events = self._session.joined(participants)
        self._unhook()
        meeting.add_event_listener(self._ears)
        self._meeting = meeting
        self._change()
        self._callbacks.call(self.listener.on_attached, self.participant_id, meeting.id)
        self._report(events)

    async def leave(self) -> None:
        """Leave a room that `join` joined; the handle may join again."""
        self._unhook()
        self._session.send_failed(self._session.revision.constants.ErrorText.NETWORK)
        self._change()
        await self._leave_socket()

    async def close(self) -> None:
        """Stop listening, leave, and let the callbacks end. Repeatable (VSD-LIFE-003)."""
        self._session.close()
        self._unhook()
        self._change()
        try:
            await self._leave_socket()
        except BaseException:
            self._callbacks.abort()  # cancelled: nothing may outlive it
            raise
        finally:
            await self._callbacks.close()

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""
        await self._callbacks.settle()

    # --- speech ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def turn(self, *, interruptible: bool = True) -> AsyncGenerator[Utterance]:
        """One utterance: completed where the block ends, cancelled where it raises.

        Args:
            interruptible: whether `interrupt` may stop it (VSD-INT-011).
        """
        utterance = self.begin_turn(interruptible=interruptible)
        try:
            yield utterance
        except BaseException:
            await utterance.end(completed=False)
            raise
        await utterance.end()

    def begin_turn(self, *, interruptible: bool = True) -> Utterance:
        """The same by hand; whoever begins a turn ends it."""
        return Utterance(self, self._session.begin_turn(interruptible=interruptible))

    async def interrupt(self) -> bool:
        """Stop the avatar at once; whether an interrupt went out.

        Legal at any time. False outside of the room, or where an utterance that is not
        interruptible may still be heard.
        """
        outgoing = self._session.interrupt(self._clock.now())
        self._change()
        return outgoing is not None and await self._send(outgoing)

    async def say(self, turn: Turn, pcm: bytes) -> bool:
        """See `Utterance.say`."""
        if turn.over:
            raise LocalProtocolError("the turn is over", protocol=PROTOCOL)
        for chunk in self._session.cut(pcm):
            await self._cooled(turn)
            outgoing = None if turn.over else self._session.pcm(turn, chunk, self._clock.now())
            if outgoing is None or not await self._send(outgoing):
                return False
        return self.is_attached and not turn.interrupted

    async def end_turn(self, turn: Turn, *, completed: bool) -> None:
        """See `Utterance.end`."""
        outgoing = self._session.end_turn(turn, completed=completed)
        self._change()
        if outgoing is not None:
            await self._send(outgoing)

    # --- inside ---------------------------------------------------------------------------------

    @cached_property
    def _clock(self) -> Clock:
        return clock_or_loop(self._given_clock)

    async def _cooled(self, turn: Turn) -> None:
        """Wait for the end of the worker's cooldown, or until it does not matter any more."""
        session, clock = self._session, self._clock
        while (
            session.config.patient
            and session.is_attached
            and not (turn.interrupted or turn.over)
            and session.cooling(clock.now())
        ):
            due = session.deadline()
            if due is None:
                raise AssertionError("a cooldown without an end")
            changed = self._changed
            timer = clock.call_at(due, self._change)
            try:
                await changed.wait()
            finally:
                timer.cancel()
        self._report(session.timeout(clock.now()))

    def _hear(self, payload: object, sender: str) -> None:
        self._report(self._session.receive(payload, sender))

    def _change(self) -> None:
        """Wake up whoever waits for something that may have changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _send(self, outgoing: Outgoing) -> bool:
        meeting = self._meeting
        if meeting is None:
            raise AssertionError("the session sends nothing outside of a room")
        name = self._session.revision.constants.Received.RELIABILITY
        try:
            await meeting.send(outgoing.payload, {name: outgoing.reliability})
        except Exception as error:  # noqa: BLE001 - whatever the transport raises is a lost channel (VSD-ERR-001)
            self._lost(error)
            return False
        return True

    def _lost(self, error: BaseException | str) -> None:
        self._unhook()
        self._report(self._session.send_failed(error))
        self._change()

    def _gone(self) -> None:
        """We are in the room no more: what is sent from now on would fail."""
        self._lost(self._session.revision.constants.ErrorText.NETWORK)

    def _unhook(self) -> None:
        """An attached handle has one listener, any other has none (OP-16)."""
        meeting, self._meeting = self._meeting, None
        if meeting is not None:
            with contextlib.suppress(ValueError):  # the room may have dropped its listeners
                meeting.remove_event_listener(self._ears)

    async def _leave_socket(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.leave()

    def _report(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Detached):
                logger.warning("the avatar's channel is lost: %s", event.error)
            report(self.listener, event, self._callbacks.call)

    async def _call(self, request: HttpRequest) -> HttpResponse:
        limit: float = self._session.revision.constants.Timeout.DISPATCH
        async with HttpClient(clock=self._clock, time_limit=limit, ssl=self._ssl) as http:
            return await http.request(request)


@asynccontextmanager
async def connect(
    config: AgentConfig,
    listener: AgentListener | None = None,
    **options: Any,  # noqa: ANN401 - the same as those of the agent, each typed there
) -> AsyncGenerator[AvatarAgent]:
    """An agent that is in its room; closed at the end.

    Args:
        config: what to do and how.
        listener: callbacks; None for none.
        options: see `AvatarAgent`.

    Raises:
        VideoSdkError: a call or the join failed.
    """
    async with AvatarAgent(config, listener, **options) as agent:
        await agent.start()
        yield agent
