from __future__ import annotations

import asyncio

import pytest

from tests.reference_client.aiavatar.peer import server


@pytest.fixture
async def peer():
    async with server() as running:
        yield running


@pytest.fixture(autouse=True)
async def nothing_left_running(peer):  # noqa: ARG001 - the server goes after the check
    """Every test ends with the tasks that it began with: nothing of the client stays behind."""
    before = asyncio.all_tasks()
    yield
    left = {
        task.get_name()
        for task in asyncio.all_tasks() - before
        if task.get_name().startswith(("aiavatar", "callbacks", "deadline", "keepalive"))
    }
    assert not left
