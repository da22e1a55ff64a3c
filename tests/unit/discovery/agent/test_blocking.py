"""Blocking queries: the agent answers once something has changed, or the wait is over."""

import asyncio

import pytest

from atoll.discovery import ConsulAgent
from tests.unit.discovery.fakes import Answer, Client, VirtualClock, settle


def ask(client: Client, path: str) -> asyncio.Task[Answer]:
    return asyncio.create_task(client.get(path))


@pytest.mark.usefixtures("web")
class TestBlocking:
    @pytest.fixture
    async def index(self, client: Client, web: None) -> int:
        return (await client.get("/v1/health/service/web")).index

    async def test_a_query_with_an_index_waits_for_a_change(self, client: Client, index: int) -> None:
        waiting = ask(client, f"/v1/health/service/web?passing&index={index}")
        await settle()
        assert not waiting.done()
        await client.put("/v1/agent/check/fail/service:web-1")
        answer = await asyncio.wait_for(waiting, 5)
        assert (answer.json, answer.index > index) == ([], True)

    async def test_a_change_before_the_question_is_answered_at_once(self, client: Client, index: int) -> None:
        await client.put("/v1/agent/check/fail/service:web-1")
        answer = await asyncio.wait_for(ask(client, f"/v1/health/service/web?index={index}"), 5)
        assert answer.index > index

    async def test_a_change_of_another_service_is_none(self, client: Client, index: int) -> None:
        waiting = ask(client, f"/v1/health/service/web?index={index}")
        await client.put("/v1/agent/service/register", {"Name": "other"})
        await settle()
        assert not waiting.done()
        waiting.cancel()

    async def test_an_unknown_service_is_waited_for(self, client: Client) -> None:
        first = await client.get("/v1/health/service/other")
        waiting = ask(client, f"/v1/health/service/other?index={first.index}")
        await settle()
        await client.put("/v1/agent/service/register", {"Name": "other"})
        assert len((await asyncio.wait_for(waiting, 5)).json) == 1

    async def test_it_answers_the_same_when_the_wait_is_over(
        self, client: Client, clock: VirtualClock, index: int
    ) -> None:
        waiting = ask(client, f"/v1/health/service/web?index={index}&wait=10s")
        await clock.advance(9.9)
        assert not waiting.done()
        await clock.advance(0.2)
        assert (await waiting).index == index

    async def test_a_wait_is_longer_by_up_to_a_sixteenth(self, clock: VirtualClock) -> None:
        client = Client(ConsulAgent(clock=clock, random=lambda: 0.999))
        waiting = ask(client, "/v1/health/service/web?index=5000&wait=16s")
        await clock.advance(16.9)
        assert not waiting.done()
        await clock.advance(0.1)
        assert waiting.done()

    async def test_an_index_from_an_agent_before_us_is_answered_at_once(self, client: Client, index: int) -> None:
        answer = await asyncio.wait_for(ask(client, f"/v1/health/service/web?index={index + 1000}"), 5)
        assert answer.index == index

    async def test_the_next_agent_counts_on_from_a_later_time(self, clock: VirtualClock, index: int) -> None:
        await clock.advance(3600)
        answer = await Client(ConsulAgent(clock=clock)).get("/v1/health/service/web")
        assert answer.index > index

    async def test_a_client_that_goes_away_is_waited_for_no_longer(
        self, agent: ConsulAgent, client: Client, index: int
    ) -> None:
        waiting = ask(client, f"/v1/health/service/web?index={index}")
        await settle()
        client.gone.set()
        await asyncio.wait_for(waiting, 5)

    async def test_closing_answers_everyone_who_waits(self, agent: ConsulAgent, client: Client, index: int) -> None:
        waiting = ask(client, f"/v1/health/service/web?index={index}")
        await settle()
        await agent.close()
        assert (await asyncio.wait_for(waiting, 5)).status == 200

    async def test_failing_an_instance_tells_watchers_at_once(
        self, agent: ConsulAgent, client: Client, index: int
    ) -> None:
        waiting = ask(client, f"/v1/health/service/web?passing&index={index}")
        await settle()
        agent.fail("web-1", "the process was killed")
        assert (await asyncio.wait_for(waiting, 5)).json == []

    async def test_failing_an_instance_shows_why(self, agent: ConsulAgent, client: Client) -> None:
        agent.fail("web-1", "the process was killed")
        assert (await client.get("/v1/agent/checks")).json["service:web-1"]["Output"] == "the process was killed"

    async def test_failing_an_unknown_instance_is_no_error(self, agent: ConsulAgent) -> None:
        agent.fail("web-9", "it never was")
