from __future__ import annotations


async def test_a_session_outlives_its_sockets(open_platform):
    async with open_platform() as (platform, agent):
        await agent.start()
        session = platform.agents[agent.session_id]
        assert session.socket is None
        assert session.expiry is not None
        await agent.open()
        assert session.socket is platform.session()
        assert session.expiry is None
        await agent.ws.close()
        await agent.gone()
        assert session.socket is None
        assert not session.ended
        await agent.stop()
        assert session.ended
        assert session.expiry is None


async def test_ended_sessions_are_forgotten_in_the_end(open_platform):
    async with open_platform(limits={"connections": 2}) as (platform, agent):
        for _ in range(5):
            await agent.start()
            await agent.stop()
        assert len(platform.agents) == 3
