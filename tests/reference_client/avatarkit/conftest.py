"""A peer, a clock that stands still, and a check that nothing is left running."""

import asyncio

import pytest

from protocol_core.clock import ManualClock
from tests.reference_client.avatarkit import peer as peers
from tests.reference_client.avatarkit.support import Listening


@pytest.fixture(autouse=True)
async def quiet():
    """Nothing that a test started is still running at its end."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert {task.get_name() for task in left} == set()


@pytest.fixture
async def peer(quiet):  # noqa: ARG001 - set up before, so torn down after
    async with peers.serve() as serving:
        yield serving


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def heard():
    return Listening()
