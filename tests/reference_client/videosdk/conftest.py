from __future__ import annotations

import asyncio

import pytest

from protocol_core.clock import ManualClock
from tests.reference_client.videosdk.peer import videosdk


@pytest.fixture
async def peer():
    async with videosdk() as running:
        yield running


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(autouse=True)
async def nothing_left_running(peer):  # noqa: ARG001 - the platform goes after the check
    """Every test ends with the tasks that it began with: nothing of a peer stays behind."""
    before = asyncio.all_tasks()
    yield
    left = {
        task.get_name()
        for task in asyncio.all_tasks() - before
        if task.get_name().startswith(("worker", "room", "callbacks"))
    }
    assert not left
