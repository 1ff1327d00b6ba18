"""A room as a session of the platform: plans and timers, the mock worker, and bystanders.

What a WebSocket is to other platforms, the room is here: `act` and plans work on it, and what they
send, the worker says. Messages that a plan may answer are the agent's.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mock_servers.documents import substitute
from mock_servers.mistakes import fail
from mock_servers.session import LiveSession
from mock_servers.videosdk.channel import Deaf, RoomChannel
from mock_servers.videosdk.room import Conditions, Failing, Room
from mock_servers.videosdk.worker import MockWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mock_servers.plan import Rule
    from mock_servers.videosdk import actions as a
    from mock_servers.videosdk.platform import VideoSdkPlatform
    from mock_servers.videosdk.room import Member, Participant, Refusal, Role, Sent

__all__ = ["RoomSession"]

#: How the rows of the error catalogue begin that let a send fail.
_SEND_ROWS = "send_"
_ROLES: dict[str, Role] = {"agent": "client", "worker": "server"}


class RoomSession(LiveSession):
    """One room.

    Args:
        platform: the platform.
        room_id: its id.
        number: number of the channel in the journal.

    Attributes:
        room: the room itself.
        workers: the mock workers that were started for it, by participant id.
    """

    platform: VideoSdkPlatform

    def __init__(self, platform: VideoSdkPlatform, room_id: str, number: int) -> None:
        super().__init__(platform, RoomChannel(platform, self, number), room_id)
        options = platform.options
        self.room = Room(
            room_id,
            number,
            revision=platform.modules,
            journal=platform.journal,
            codec=platform.wire,
            conditions=Conditions(
                loss=options.loss,
                reorder=options.reorder,
                latency=options.latency,
                utf8_text_decoding=options.utf8_text_decoding,
            ),
            later=self.later,
            wall=platform.wall,
            rng=platform.rng(f"room/{room_id}"),
            relay=self.relay,
        )
        self.workers: dict[str, MockWorker] = {}
        self.variables = {"room_id": room_id}

    @property
    def worker(self) -> MockWorker | None:
        """The mock worker in the room; None if none of ours is there."""
        return next((each for each in self.workers.values() if each.present), None)

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "participants": {each.id: each.role for each in self.room.participants},
            "tracks": {each.id: sorted(each.tracks) for each in self.room.participants},
            "workers": {each.id: each.core.state for each in self.workers.values()},
        }

    # -- coming and going --------------------------------------------------------------------------

    def admit(self, member: Member, token: str, participant_id: str) -> Participant:
        """Let somebody in by a token.

        Raises:
            JoinRefusedError: the room does not let them in.
        """
        admission = self.platform.gate.judge(self.room, token, participant_id)
        return self.enter(member, admission.participant_id, admission.role, admission.token)

    def enter(
        self,
        member: Member,
        participant_id: str,
        role: Role,
        token: dict[str, Any] | None = None,
    ) -> Participant:
        """Let somebody in who was judged already."""
        self.platform.note_life(self)
        if role:
            self.variables["agent_id" if role == "client" else "worker_id"] = participant_id
        return self.room.join(participant_id, member, role, token=token)

    def start_worker(self, participant_id: str, token: str) -> MockWorker:
        """Make a worker that has still to join; the one before under the same id is replaced."""
        worker = MockWorker(self.platform, self, participant_id, token)
        self.workers[participant_id] = worker
        return worker

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back with the next turn of the event loop, even if the clock stands still."""
        asyncio.get_running_loop().call_soon(lambda: self._guard(callback) if self.live else None)

    def clear(self, reason: str, *, abrupt: bool = False) -> None:
        """Send everybody out."""
        for participant in tuple(self.room.participants):
            self.room.remove(participant, reason, abrupt=abrupt)

    # -- the data channel --------------------------------------------------------------------------

    def relay(self, sent: Sent) -> Refusal | None:
        """Broadcast what the agent sends, unless a plan has other ideas."""
        rule = self._rule(sent.payload)
        row = _refusing(rule)
        if row is not None and rule is not None:
            self.platform.journal.note(f"plan[{rule.index}] acts", connection=self.room.number)
            return self.room.refuse(sent.sender, row, sent.payload)
        self.room.record(sent)
        self.in_turn(partial(self._pass_on, sent, rule))
        return None

    def _pass_on(self, sent: Sent, rule: Rule | None) -> None:
        if rule is None:
            self._guard(lambda: self.room.broadcast(sent))
        else:
            self._follow(rule, lambda: self.room.broadcast(sent), _nothing)

    def send(self, message: bytes | str) -> bool:
        """Let the worker say something, in the mode that fits it.

        Raises:
            ConfigurationError: no mock worker is in the room.
        """
        if self.worker is None:
            fail("send", "no mock worker is in the room", self.id)
        return self.worker.say(message, self.mode_of(message))

    def mode_of(self, message: bytes | str) -> str:
        """The mode that a payload of this kind is usually sent in (VSD-CHAN-003)."""
        modes = self.platform.modules.constants.Reliability
        mode: str = modes.RELIABLE if isinstance(message, str) else modes.UNRELIABLE
        return mode

    # -- what the framework asks -------------------------------------------------------------------

    def default_open(self) -> None:
        """A room is there; nobody opens it."""

    def observe_open(self) -> None:
        """A room is there; nobody opens it."""

    def default_message(self, message: bytes | str) -> None:
        """Messages come with their senders; see `relay`."""

    def observe_message(self, message: bytes | str) -> None:
        """Messages come with their senders; see `relay`."""

    def default_end(self, code: int | None, reason: str) -> None:
        """The room is closed for good."""
        del code
        self.clear(reason)

    def on_sent(self, name: str, data: dict[str, Any]) -> None:
        """The worker's own rules do not depend on what it is made to say."""

    def send_error(self, name: str) -> None:
        """Let an error of the catalogue happen.

        Raises:
            ConfigurationError: it is the answer to an HTTP request, or needs a worker.
        """
        row = self.platform.modules.errors.CATALOGUE[name]
        phases = self.platform.modules.errors.Phase
        if row.at == "handshake":
            self.platform.gate.deny(name, "server", times=1)
        elif row.phase == phases.SEND:
            self.room.failing.append(Failing(row=name))
        elif row.message is not None:
            self.send(json.dumps(substitute(row.message, self.variables)))
        elif name == "ack_lost":
            # The worker's next send fails, and is not repeated (VSD-END-008).
            self.room.failing.append(Failing(row="send_failed", role="server", times=1))
        elif name == "worker_left":
            self._act_worker_leaves(value=True)
        else:
            fail("error", "this error is the answer to an HTTP request", name)

    # -- actions -----------------------------------------------------------------------------------

    def _act_worker_joins(self, value: Literal[True]) -> None:
        """The worker that was dispatched last, or the one that is there by itself."""
        del value
        worker = next(reversed(self.workers.values()), None)
        if worker is None:
            identity = self.platform.options.worker_id
            worker = self.start_worker(identity, self.platform.token(identity))
        worker.join()

    def _act_worker_leaves(self, value: Literal[True]) -> None:
        if self.worker is None:
            fail("worker_leaves", "no mock worker is in the room", value)
        self.worker.leave()

    def _act_worker_moves(self, value: str) -> None:
        """The worker goes on in another room, as the same participant (VSD-LIFE-004)."""
        worker = self.worker
        if worker is None:
            fail("worker_moves", "no mock worker is in the room", value)
        worker.leave()
        worker.follow(self.platform.room(value)).join()

    def _act_participant_joins(self, value: a.Bystander) -> None:
        self._bystander(value.participant_id)

    def _act_participant_leaves(self, value: a.Bystander) -> None:
        participant = self.room.participant(value.participant_id)
        if participant is None:
            fail("participant_leaves", "nobody of that id is in the room", value.participant_id)
        self.room.remove(participant, "left")

    def _act_participant_says(self, value: a.Saying) -> None:
        payload: bytes | str
        if value.message is not None:
            payload = self.platform.wire.encode(
                value.message, substitute(value.data, self.variables)
            )
        else:
            payload = bytes.fromhex(value.binary or "") if value.text is None else value.text
        speaker = self._bystander(value.participant_id)
        self.room.send(speaker, payload, value.reliability or self.mode_of(payload))

    def _act_fail_sends(self, value: a.FailSends) -> None:
        failing = Failing(
            row=value.error, role=_ROLES[value.who], after=value.after, times=value.times
        )
        self._check_row("fail_sends", value.error)
        self.room.failing.append(failing)

    def _act_deny_joins(self, value: a.DenyJoins) -> None:
        self._check_row("deny_joins", value.error)
        self.platform.gate.deny(value.error, _ROLES.get(value.who), times=value.times)

    def _check_row(self, place: str, name: str) -> None:
        rows = self.platform.modules.errors.CATALOGUE
        if name not in rows:
            fail(f"{place}.error", "no such row in the error catalogue", name, rows)

    def _bystander(self, participant_id: str) -> Participant:
        present = self.room.participant(participant_id)
        return present or self.enter(Deaf(), participant_id, "")

    extra_actions: ClassVar[Mapping[str, Callable[[Any, Any], None]]] = {
        "worker_joins": _act_worker_joins,
        "worker_leaves": _act_worker_leaves,
        "worker_moves": _act_worker_moves,
        "participant_joins": _act_participant_joins,
        "participant_leaves": _act_participant_leaves,
        "participant_says": _act_participant_says,
        "fail_sends": _act_fail_sends,
        "deny_joins": _act_deny_joins,
    }


def _refusing(rule: Rule | None) -> str | None:
    """The row by which a rule lets the send itself fail, if it does."""
    actions = rule.actions if rule is not None else ()
    return next(
        (
            action.value
            for action in actions
            if action.name == "error" and action.value.startswith(_SEND_ROWS)
        ),
        None,
    )


def _nothing() -> None:
    """A message that a plan keeps reaches nobody."""
