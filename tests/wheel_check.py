"""Run in an environment that holds the built wheel: alone, or with one extra beside a vendor's SDK.

    python -I wheel_check.py                 the base alone
    python -I wheel_check.py PROTOCOL        with the SDK of that protocol

Both must import in one process, and the run-time data must have travelled with the wheel.
"""

import asyncio
import importlib
import sys
from pathlib import Path

SDKS = {
    "aiavatar": ("aiavatar.adapter.http.server", "aiavatar.adapter.websocket.server"),
    "akool": ("akool_streaming_avatar",),
    "avatarkit": ("avatarkit",),
    "liveavatar": ("liveavatar_channel_sdk",),
    "videosdk": ("videosdk.agents.avatar",),
}
BASE = ("understudy", "protocol_core", "reference_client", "mock_servers", "conformance")


def main(protocol=""):
    for module in SDKS[protocol] if protocol else ():
        importlib.import_module(module)
    for package in BASE:
        module = importlib.import_module(package)
        assert "site-packages" in Path(module.__file__).parts, f"{package} is not the wheel's"
    if protocol:
        check_protocol(protocol)
    print(f"understudy[{protocol}] imports beside {', '.join(SDKS.get(protocol, ())) or 'nothing'}")


def check_protocol(protocol):
    from avatar_protocols import registry, schemas
    from conformance import scenario
    from conformance.checks import checks_of

    importlib.import_module(f"protocol_core.{protocol}")
    importlib.import_module(f"reference_client.{protocol}")
    assert schemas.load(protocol, registry.resolve(protocol).id), "the wheel has no schemas"
    found = scenario.discover([protocol])
    assert found, "the wheel has no scenarios"
    broken = [item.message for item in found if isinstance(item, scenario.Broken)]
    assert not broken, broken
    assert checks_of(protocol, "client")
    assert checks_of(protocol, "server")
    assert asyncio.run(play(protocol)), "the wheel has no snippets"
    if protocol == "videosdk":
        asyncio.run(check_meeting())


async def play(protocol):
    from understudy import mock
    from understudy.snippets import snippets

    async with mock(protocol) as platform:
        return snippets(platform)


async def check_meeting():
    """The vendor's own classes talk to each other in the mock's room, in this process."""
    from videosdk.agents.avatar import (
        AudioSegmentEnd,
        AvatarAudioIn,
        AvatarAudioOut,
        generate_avatar_credentials,
    )

    from understudy import mock

    async with mock("videosdk", worker="absent", pace=False) as platform:
        account = platform.credentials
        credentials = generate_avatar_credentials(account["api_key"], account["secret"])
        theirs = platform.meeting(
            token=credentials.token, participant_id=credentials.participant_id
        )
        ours = platform.meeting()
        theirs.join()
        ours.join()
        worker = AvatarAudioIn(theirs)
        agent = AvatarAudioOut(credentials=credentials)
        agent._set_meeting(ours)
        await agent.handle_audio_input(b"\x01" * 30_001)
        await agent.send_segment_end()
        heard = [await asyncio.wait_for(anext(worker), 5) for _ in range(4)]
        assert [frame.samples for frame in heard[:3]] == [7500, 7500, 1]
        assert isinstance(heard[3], AudioSegmentEnd)
        assert not ours.failures
        assert not theirs.failures


if __name__ == "__main__":
    main(*sys.argv[1:])
