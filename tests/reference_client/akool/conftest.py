from __future__ import annotations

import asyncio

import pytest

from tests.reference_client.akool.peer import platform

OWN = ("akool", "callbacks", "deadline", "closer")


@pytest.fixture
async def peer():
    async with platform() as running:
        yield running


@pytest.fixture(autouse=True)
async def nothing_left_running(peer):  # noqa: ARG001 - the platform goes after the check
    """Every test ends with the tasks that it began with: nothing of the client stays behind."""
    before = asyncio.all_tasks()
    yield
    names = [task.get_name() for task in asyncio.all_tasks() - before]
    assert [name for name in names if name.startswith(OWN)] == []
