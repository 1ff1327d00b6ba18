"""Drives `reference_client.videosdk.AvatarWorker`.

serve        AvatarWorker(config, renderer).join()
act          worker_leaves: close(); worker_moves: join() of another room
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from conformance.drivers.base import (
    Handler,
    Params,
    ServerDriver,
    Tell,
    Travel,
    UnsupportedError,
)
from conformance.drivers.videosdk import error_record
from protocol_core.videosdk.credentials import Credentials
from protocol_core.videosdk.worker import WorkerConfig
from reference_client.videosdk import AvatarWorker, PassThrough, WorkerListener

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import RevisionInfo
    from protocol_core.videosdk import worker_events as w

__all__ = ["DRIVER", "VideoSdkServerDriver", "features"]

FEATURES = ("worker", "input_events", "strict_sender", "clock", "triggers")
"""What the worker can do; there is no reference dispatcher besides the mock platform's."""
OPTIONS = ("pace", "strict_sender")
TASKS = ("worker", "callbacks")
"""How the names of tasks begin that the worker starts by and by."""


class _Voice(WorkerListener):
    """The listener: what a worker takes in becomes an event."""

    def __init__(self, driver: VideoSdkServerDriver) -> None:
        self._report = driver.report

    def on_frame(self, frame: w.FrameAccepted) -> None:
        self._report("frame", {"bytes": len(frame.pcm)})

    def on_segment_end(self) -> None:
        self._report("segment_end", {})

    def on_reset(self, reset: w.StreamReset) -> None:
        del reset
        self._report("reset", {})


class VideoSdkServerDriver(ServerDriver):
    """The VideoSDK reference worker."""

    protocol = "videosdk"

    def __init__(self, travel: Travel, tell: Tell) -> None:
        super().__init__(travel, tell)
        self._worker: AvatarWorker | None = None
        self._room_url = ""
        self._credentials: Mapping[str, str] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def commands(self) -> Mapping[str, Handler]:
        return {**super().commands, "act": self._act}

    def record(self, error: BaseException) -> Params:
        return error_record(error)

    async def serve(self, params: Params) -> Params:
        options = dict(params.get("options") or {})
        if unknown := options.keys() - set(OPTIONS):
            raise UnsupportedError(f"the worker has no option {', '.join(sorted(unknown))}")
        self.configure(options)
        await self.end()
        clock, pace = self.travel.clock, bool(options.get("pace", False))
        self._worker = AvatarWorker(
            WorkerConfig(agent_id=options.get("strict_sender")),
            renderer=lambda: PassThrough(clock, pace=pace),
            listener=_Voice(self),
            revision=params.get("revision"),
            clock=clock,
        )
        urls: Mapping[str, str] = params.get("urls") or {}
        self._room_url = urls.get("room", "")
        self._credentials = params.get("credentials") or {}
        await self._join(params.get("room", ""), self._credentials)
        return {"urls": {}, "credentials": {}}

    async def settle(self) -> None:
        if self._worker is not None:
            await self._worker.settle()

    async def end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()

    async def _join(self, room: str, credentials: Mapping[str, str]) -> None:
        if self._worker is None:
            raise UnsupportedError("`serve` comes first")
        try:
            given = Credentials(
                participant_id=credentials["participant_id"], token=credentials["token"]
            )
        except KeyError as error:
            raise UnsupportedError(f"the credentials have no {error}") from None
        before = asyncio.all_tasks()
        await self._worker.join(self._room_url, room, given)
        self._tasks |= asyncio.all_tasks() - before

    async def _act(self, params: Params) -> Params:
        action = dict(params.get("action") or {})
        if len(action) != 1 or not action.keys() <= {"worker_leaves", "worker_moves"}:
            raise UnsupportedError(f"a worker cannot {', '.join(action) or 'do nothing'}")
        if "worker_leaves" in action:
            await self._close()
        else:
            await self._join(str(action["worker_moves"]), self._credentials)
        return {}

    async def _close(self) -> None:
        if self._worker is None:
            raise UnsupportedError("`serve` comes first")
        self._tasks |= {t for t in asyncio.all_tasks() if t.get_name().startswith(TASKS)}
        await self._worker.close()
        pending = sorted(task.get_name() for task in self._tasks if not task.done())
        self.tell("closed", {"pending": pending})


def features(_: RevisionInfo) -> tuple[list[str], dict[str, str]]:
    """What the worker can do."""
    return list(FEATURES), {}


DRIVER = VideoSdkServerDriver
