"""What the ingress does with a session: handshake, audio, interrupts, limits, ends."""

from __future__ import annotations

import pytest

from avatar_protocols.avatarkit.v0_1_7.constants import SampleRate, Timeout
from avatar_protocols.avatarkit.v2 import message_pb2 as pb

SECOND = bytes(32000)
"""One second of PCM at 16 kHz."""
LIVEKIT = {
    "url": "wss://livekit.example",
    "room_name": "room",
    "publisher_id": "p",
    "api_token": "t",
}


# -- handshake -------------------------------------------------------------------------------------


async def test_the_confirmation_names_the_connection(open_platform):
    async with open_platform() as (platform, client):
        connection_id = await client.open()
        assert connection_id == platform.session().id
        assert platform.session().describe()["state"] == "READY"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"sample_rate": 11025}, "unsupported sample rate"),
        (
            {"sample_rate": 22050, "audio_format": pb.AUDIO_FORMAT_OGG_OPUS},
            "unsupported sample rate",
        ),
        (
            {"egress_type": pb.EGRESS_TYPE_LIVEKIT, "livekit_egress": {"url": "wss://x"}},
            "missing livekit credentials",
        ),
        ({"egress_type": pb.EGRESS_TYPE_AGORA, "agora_egress": {"token": "t"}}, "agora_egress"),
    ],
)
async def test_bad_configurations_are_refused(open_platform, settings, text):
    async with open_platform() as (_, client):
        await client.connect()
        await client.configure(**settings)
        assert text in (await client.error()).message
        assert (await client.closing())[0] == 1000


@pytest.mark.parametrize("first", [b"\xff\xff", b"\x08\x03", b"\x08\x01", "text"])
async def test_a_first_message_that_is_no_configuration(open_platform, first):
    async with open_platform() as (_, client):
        await client.connect()
        await (client.ws.send_str if isinstance(first, str) else client.ws.send_bytes)(first)
        assert (await client.error()).message
        assert (await client.closing())[0] == 1000


async def test_egress_that_is_not_deployed(open_platform):
    async with open_platform(egress=False) as (_, client):
        await client.connect()
        await client.configure(egress_type=pb.EGRESS_TYPE_LIVEKIT, livekit_egress=LIVEKIT)
        assert (await client.error()).message == "egress client is not configured on server"
        assert (await client.closing())[0] == 1000


async def test_a_second_configuration_is_answered_and_the_session_goes_on(open_platform):
    async with open_platform() as (_, client):
        await client.open()
        await client.configure()
        assert "unexpected message type" in (await client.error()).message
        await client.audio("r1", SECOND, end=True)
        assert (await client.answer())[-1].end


@pytest.mark.parametrize("message", [b"\xff\xff", "text", b"\x08\x02"])
async def test_malformed_messages_are_answered_and_the_session_goes_on(open_platform, message):
    async with open_platform() as (_, client):
        connection_id = await client.open()
        await (client.ws.send_str if isinstance(message, str) else client.ws.send_bytes)(message)
        assert (await client.error()).connection_id == connection_id
        await client.audio("r1", SECOND, end=True)
        assert (await client.answer())[-1].end


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", SampleRate.PCM)
async def test_pcm_is_measured_at_every_rate(open_platform, rate):
    async with open_platform() as (platform, client):
        await client.open(sample_rate=rate)
        await client.audio("r1", bytes(2 * rate))
        await client.audio("r1", bytes(rate), end=True)
        answer = await client.answer()
        assert platform.session().requests == {"r1": pytest.approx(1.5)}
        assert len(answer) == 8
        assert [message.end for message in answer] == [False] * 7 + [True]
        assert {message.req_id for message in answer} == {"r1"}
        assert {message.connection_id for message in answer} == {platform.session().id}


async def test_answers_carry_content_that_the_schema_does_not_declare(open_platform, raw_of):
    async with open_platform() as (platform, client):
        await client.open()
        await client.audio("r1", SECOND, end=True)
        await client.answer()
        records = platform.journal.messages("MESSAGE_SERVER_RESPONSE_ANIMATION")
        for record in records:
            assert "frame" not in record.data["server_response_animation"]
            assert len(raw_of(record)) > 250
        assert len({record.raw for record in records}) == len(records)


@pytest.mark.parametrize("audio", [b"", b"\x00"])
async def test_a_request_without_audio_is_answered_by_its_end_alone(open_platform, audio):
    async with open_platform() as (_, client):
        await client.open()
        await client.audio("r1")
        await client.audio("r1", audio, end=True)
        assert [message.end for message in await client.answer()] == [True]


async def test_frames_may_start_before_the_request_has_ended(open_platform):
    async with open_platform() as (_, client):
        await client.open()
        await client.audio("r1", SECOND)
        early = [await client.animation() for _ in range(4)]
        assert not any(message.end for message in early)
        await client.audio("r1", end=True)
        assert (await client.animation()).end


async def test_requests_are_answered_one_after_the_other(open_platform):
    async with open_platform(pace=True) as (platform, client):
        await client.open()
        for name in ("r1", "r2", "r3"):
            await client.audio(name, SECOND, end=True)
        await client.seen(3, name="MESSAGE_CLIENT_AUDIO_INPUT")
        await platform.advance(3)
        order = [message.req_id for _ in range(3) for message in await client.answer()]
        assert order == ["r1"] * 5 + ["r2"] * 5 + ["r3"] * 5


async def test_paced_answers_take_as_long_as_their_audio(open_platform):
    async with open_platform(pace=True) as (platform, client):
        await client.open()
        began = platform.now()
        await client.audio("r1", SECOND + SECOND, end=True)
        await client.audio("r2", SECOND, end=True)
        await client.seen(2, name="MESSAGE_CLIENT_AUDIO_INPUT")
        await platform.advance(10)
        records = platform.journal.messages("MESSAGE_SERVER_RESPONSE_ANIMATION")
        times = [record.time - began for record in records]
        assert times == pytest.approx([0.2 * index for index in range(15)])


async def test_paced_answers_follow_audio_that_arrives_slowly(open_platform):
    async with open_platform(pace=True) as (platform, client):
        await client.open()
        for count in (1, 2, 3):
            await client.audio("r1", SECOND)
            await client.seen(count, name="MESSAGE_CLIENT_AUDIO_INPUT")
            await platform.advance(2)
        await client.audio("r1", end=True)
        await client.seen(4, name="MESSAGE_CLIENT_AUDIO_INPUT")
        await platform.advance(1)
        assert len(await client.answer()) == 15


async def test_ogg_opus_is_measured_by_its_granules(open_platform):
    from protocol_core.ogg import PageWriter
    from protocol_core.opus import OpusHead, OpusTags

    writer = PageWriter(7)
    stream = writer.packet(OpusHead(input_rate=16000, channels=1, pre_skip=312).pack(), 0)
    stream += writer.packet(OpusTags(vendor="test").pack(), 0)
    for index in range(1, 51):
        # 20 ms of silence each: TOC 0x08 is SILK wide band, mono, one frame.
        stream += writer.packet(b"\x08", 312 + 960 * index, eos=index == 50)
    async with open_platform() as (platform, client):
        await client.open(audio_format=pb.AUDIO_FORMAT_OGG_OPUS)
        for start in range(0, len(stream), 37):
            await client.audio("r1", stream[start : start + 37])
        await client.audio("r1", end=True)
        assert len(await client.answer()) == 5
        assert platform.session().requests["r1"] == pytest.approx(1.0, abs=0.01)


async def test_ogg_garbage_is_noted_and_answered_all_the_same(open_platform):
    async with open_platform() as (platform, client):
        await client.open(audio_format=pb.AUDIO_FORMAT_OGG_OPUS)
        await client.audio("r1", b"not ogg at all, but long enough to be looked at", end=True)
        assert [message.end for message in await client.answer()] == [True]
        assert platform.journal.where(lambda record: record.reason.startswith("audio of r1"))


# -- egress and interrupt --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"egress_type": pb.EGRESS_TYPE_LIVEKIT, "livekit_egress": LIVEKIT},
        {
            "egress_type": pb.EGRESS_TYPE_AGORA,
            "agora_egress": {"channel_name": "c", "publisher_id": "p"},
        },
    ],
)
async def test_with_an_egress_nothing_comes_back(open_platform, settings):
    async with open_platform() as (platform, client):
        await client.open(**settings)
        await client.audio("r1", SECOND, end=True)
        await client.interrupt("r1")
        await client.seen(1, name="MESSAGE_CLIENT_INTERRUPT")
        await platform.advance(5)
        assert platform.session().requests == {"r1": 1.0}
        assert platform.journal.messages("MESSAGE_SERVER_RESPONSE_ANIMATION") == []


async def test_egress_credentials_do_not_get_into_the_journal(open_platform, raw_of):
    async with open_platform() as (platform, client):
        token = {**LIVEKIT, "api_token": "very-secret"}
        await client.open(egress_type=pb.EGRESS_TYPE_LIVEKIT, livekit_egress=token)
        record = platform.journal.messages("MESSAGE_CLIENT_CONFIGURE_SESSION")[0]
        assert (
            record.data["client_configure_session"]["livekit_egress"]["api_token"] == "‹redacted›"
        )
        assert b"very-secret" not in raw_of(record)
        assert (
            pb.Message.FromString(raw_of(record)).client_configure_session.livekit_egress.room_name
            == "room"
        )


async def test_an_interrupt_stops_the_answer(open_platform):
    async with open_platform(pace=True) as (platform, client):
        await client.open()
        await client.audio("r1", SECOND * 3, end=True)
        await client.audio("r2", SECOND, end=True)
        await client.seen(2, name="MESSAGE_CLIENT_AUDIO_INPUT")
        await platform.advance(0.5)
        await client.interrupt("r1")
        await client.interrupt("r1")
        await client.interrupt("unknown")
        await client.seen(3, name="MESSAGE_CLIENT_INTERRUPT")
        await client.audio("r1", SECOND)
        await client.seen(3, name="MESSAGE_CLIENT_AUDIO_INPUT")
        await platform.advance(5)
        records = platform.journal.messages("MESSAGE_SERVER_RESPONSE_ANIMATION")
        order = [record.data["server_response_animation"]["req_id"] for record in records]
        assert order == ["r1"] * 3 + ["r2"] * 5
        assert platform.journal.messages("MESSAGE_SERVER_ERROR") == []


# -- limits ----------------------------------------------------------------------------------------


async def test_a_session_without_audio_times_out(open_platform):
    async with open_platform() as (platform, client):
        connection_id = await client.open()
        await platform.advance(Timeout.INPUT_IDLE - 1)
        await client.audio("r1", b"\x00\x00")
        await client.audio("r1", end=True)
        await client.answer()
        await platform.advance(Timeout.INPUT_IDLE - 1)
        assert platform.sessions
        await platform.advance(1)
        error = await client.error()
        assert "no audio input for" in error.message
        assert error.connection_id == connection_id
        assert (await client.closing())[0] == 1000


async def test_the_idle_timeout_can_be_set(open_platform):
    async with open_platform(idle_timeout=5) as (platform, client):
        await client.open()
        await platform.advance(5)
        assert (await client.error()).message == "no audio input for 5 seconds"
    async with open_platform(idle_timeout=None) as (platform, client):
        await client.open()
        await platform.advance(1000)
        assert platform.sessions


async def test_livekit_sets_its_own_idle_timeout(open_platform):
    async with open_platform() as (platform, client):
        settings = {**LIVEKIT, "idle_timeout": 7}
        await client.open(egress_type=pb.EGRESS_TYPE_LIVEKIT, livekit_egress=settings)
        await platform.advance(7)
        assert (await client.error()).message == "no audio input for 7 seconds"


async def test_sessions_have_a_longest_duration(open_platform):
    async with open_platform(session_duration=100, idle_timeout=None) as (platform, client):
        await client.open()
        await platform.advance(99.9)
        assert platform.journal.messages("MESSAGE_SERVER_ERROR") == []
        await platform.advance(0.1)
        assert (await client.error()).code == 4002
        assert (await client.closing())[0] == 1000


async def test_credits_run_out_in_the_middle_of_a_request(open_platform):
    async with open_platform(credits=2.5) as (platform, client):
        await client.open()
        await client.audio("r1", SECOND, end=True)
        await client.answer()
        await client.audio("r2", SECOND)
        for _ in range(4):
            await client.animation()
        await client.audio("r2", SECOND)
        error = await client.error()
        assert (error.code, error.req_id) == (4001, "r2")
        assert (await client.closing())[0] == 1000
        assert platform.accounts.by_name("demo").out_of_credits
        _, text = await client.refusal()
        assert "credits exhausted" in text


# -- plans -----------------------------------------------------------------------------------------


async def test_a_plan_can_confirm_by_hand(open_platform):
    name = "MESSAGE_SERVER_CONFIRM_SESSION"
    send = {"send": {"message": name, "data": {"connection_id": "$connection_id"}}}
    plan = [
        {"on": "message", "message": "MESSAGE_CLIENT_CONFIGURE_SESSION", "do": [{"delay": 5}, send]}
    ]
    async with open_platform(plan=plan) as (platform, client):
        await client.connect()
        await client.configure()
        await client.seen(1, name="MESSAGE_CLIENT_CONFIGURE_SESSION")
        await platform.advance(5)
        assert (
            await client.receive()
        ).server_confirm_session.connection_id == platform.session().id
        await client.audio("r1", SECOND, end=True)
        assert (await client.answer())[-1].end


async def test_a_plan_can_keep_silent_about_one_request(open_platform):
    plan = [{"on": "message", "where": {"req_id": "r1"}, "do": []}]
    async with open_platform(plan=plan) as (platform, client):
        await client.open()
        await client.audio("r1", SECOND, end=True)
        await client.audio("r2", SECOND, end=True)
        assert {message.req_id for message in await client.answer()} == {"r2"}
        assert len(platform.journal.messages("MESSAGE_SERVER_RESPONSE_ANIMATION")) == 5


async def test_messages_of_a_plan_are_sent_as_they_stand(open_platform):
    async with open_platform(check=False) as (platform, client):
        await client.open()
        await client.audio("r1", bytes(32))
        await client.seen(1, name="MESSAGE_CLIENT_AUDIO_INPUT")
        name = "MESSAGE_SERVER_RESPONSE_ANIMATION"
        await platform.act({"send": {"message": name, "data": {"req_id": "$req_id", "end": True}}})
        message = await client.animation()
        assert (message.req_id, message.end, message.connection_id) == ("r1", True, "")
        await platform.act({"send": {"message": "MESSAGE_UNSPECIFIED"}})
        assert (await client.receive()).type == 0
