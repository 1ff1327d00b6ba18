"""Who may enter a room, and as whom."""

from __future__ import annotations

import jwt
import pytest

from mock_servers import mock
from mock_servers.videosdk.rejection import JoinRefusedError

from .conftest import WORKER, attend, open_meeting


def signed(platform, **changes):
    claims = {
        "apikey": platform.options.api_key,
        "permissions": ["allow_join"],
        "version": 2,
        "iat": int(platform.wall()),
        "exp": int(platform.wall()) + 60,
        **changes,
    }
    return jwt.encode(claims, platform.options.secret, algorithm="HS256")


REFUSED = {
    "unsigned": (
        "join_token_invalid",
        lambda _: jwt.encode({"apikey": "x"}, None, algorithm="none"),
    ),
    "other-secret": (
        "join_token_invalid",
        lambda _: jwt.encode({"apikey": "x"}, "another-secret-of-at-least-32-bytes"),
    ),
    "no-token": ("join_token_invalid", lambda _: "secret"),
    "no-permission": ("join_token_invalid", lambda p: signed(p, permissions=["ask_join"])),
    "other-account": ("join_token_invalid", lambda p: signed(p, apikey="nobody")),
    "expired": ("join_token_expired", lambda p: signed(p, exp=int(p.wall()) - 1)),
    "other-participant": ("join_participant_mismatch", lambda p: p.token("avatar_2")),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_bad_tokens_are_refused(case):
    row, make = REFUSED[case]
    async with mock("videosdk") as platform:
        meeting = platform.meeting(token=make(platform), participant_id=WORKER)
        with pytest.raises(JoinRefusedError) as caught:
            meeting.join()
        assert caught.value.row == row
        (note,) = platform.journal.where({"name": "join_refused"})
        assert (note.participant, note.data["error"], note.data["code"]) == (
            WORKER,
            row,
            "JOIN_REFUSED",
        )


async def test_the_worker_is_whom_its_token_names():
    async with open_meeting(worker="absent") as (platform, _, _):
        worker, _ = await attend(platform, token=platform.token(WORKER))
        assert worker.local_participant.id == WORKER
        roles = {each.id: each.role for each in platform.session().room.participants}
        assert roles[WORKER] == "server"


async def test_whoever_comes_second_is_a_bystander():
    async with open_meeting(worker="present") as (platform, meeting, _):
        for token in (platform.token(), platform.token("avatar_2")):
            await attend(platform, token=token)
        roles = [each.role for each in platform.session().room.participants]
        assert roles == ["server", "client", "", ""]
        meeting.leave()
        await attend(platform)
        assert [each.role for each in platform.session().room.participants][-1] == "client"


async def test_time_makes_tokens_expire():
    async with mock("videosdk") as platform:
        meeting = platform.meeting(token=platform.token(ttl=60))
        await platform.advance(61)
        with pytest.raises(JoinRefusedError, match="expired"):
            meeting.join()


@pytest.mark.parametrize(
    ("action", "agent", "worker"),
    [
        ({"deny_joins": {}}, [False, False], [False]),
        ({"deny_joins": {"who": "agent", "error": "join_token_expired"}}, [False, False], [True]),
        ({"deny_joins": {"who": "worker"}}, [True, True], [False]),
        ({"deny_joins": {"times": 2}}, [False, False], [True]),
        ({"deny_joins": {"times": 1}}, [False, True], [True]),
        ({"error": "join_token_expired"}, [True, True], [False]),
        ({"error": "join_participant_mismatch"}, [True, True], [False]),
    ],
)
async def test_joins_are_denied_on_demand(action, agent, worker):
    async with mock("videosdk", worker="absent") as platform:
        await platform.act(action)

        def outcome(**options):
            try:
                platform.meeting(**options).join()
            except JoinRefusedError:
                return False
            return True

        assert [outcome(participant_id=f"agent-{number}") for number in range(2)] == agent
        assert [outcome(token=platform.token(WORKER)) for _ in range(1)] == worker
        platform.reset()
        assert outcome()


async def test_whoever_comes_again_takes_their_own_place():
    async with open_meeting(worker="absent") as (platform, _, _):
        for _ in range(2):
            await attend(platform, token=platform.token(WORKER))
        roles = [each.role for each in platform.session().room.participants]
        assert roles == ["client", "server"]
