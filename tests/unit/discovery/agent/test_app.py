"""The agent's HTTP API, in the shapes and under the rules of Consul's."""

from typing import Any

import pytest

from atoll.discovery import ConsulAgent
from tests.unit.discovery.agent.web import SERVICE, ids
from tests.unit.discovery.fakes import Client


class TestAgent:
    async def test_it_tells_its_datacenter(self, client: Client) -> None:
        shown = (await client.get("/v1/agent/self")).json
        assert (shown["Config"]["Datacenter"], shown["Member"]["Name"]) == ("dc1", "here")

    @pytest.mark.parametrize(
        ("path", "shown"),
        [
            ("/v1/status/leader", "127.0.0.1:8300"),
            ("/v1/status/peers", ["127.0.0.1:8300"]),
            ("/v1/catalog/datacenters", ["dc1"]),
        ],
    )
    async def test_it_is_the_leader_of_a_cluster_of_one(self, client: Client, path: str, shown: Any) -> None:
        assert (await client.get(path)).json == shown

    async def test_it_lives_with_its_server(self, agent: ConsulAgent) -> None:
        events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: list[str] = []

        async def receive() -> dict[str, str]:
            return events.pop(0)

        async def send(event: Any) -> None:
            sent.append(event["type"])

        await agent({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    async def test_answers_carry_consul_s_headers(self, client: Client) -> None:
        headers = (await client.get("/v1/health/service/web")).headers
        names = ("content-type", "x-consul-index", "x-consul-knownleader", "x-consul-lastcontact")
        assert [headers[name] for name in names] == ["application/json", "5000", "true", "0"]


class TestBadInput:
    @pytest.mark.parametrize("path", ["/", "/v1", "/v1/kv/x", "/ui/", "/v1/agent/self/x"])
    async def test_an_unknown_path_is_404(self, client: Client, path: str) -> None:
        answer = await client.get(path)
        assert (answer.status, answer.text) == (404, "Invalid URL path: not a recognized HTTP API endpoint")

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [("GET", "/v1/agent/service/register", "PUT"), ("POST", "/v1/health/service/web", "GET")],
    )
    async def test_a_wrong_method_is_405(self, client: Client, method: str, path: str, allow: str) -> None:
        answer = await client.call(method, path)
        assert (answer.status, answer.headers["allow"]) == (405, allow)

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/v1/health/service/", "Missing service name"),
            ("/v1/catalog/service/", "Missing service name"),
            ("/v1/health/service/web?passing=perhaps", "Invalid value for ?passing"),
            ("/v1/health/service/web?index=x", "Invalid index"),
            ("/v1/health/service/web?index=1&wait=x", "Invalid wait time"),
            ("/v1/health/state/odd", "Invalid check state; it must be any, unknown, passing, warning, critical"),
            (
                "/v1/catalog/services?stale&consistent",
                "Cannot specify ?stale with ?consistent, conflicting semantics.",
            ),
        ],
    )
    async def test_a_bad_question_is_a_sentence(self, client: Client, path: str, text: str) -> None:
        answer = await client.get(path)
        assert (answer.status, answer.text) == (400, text)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"Name": 1}', b"\xff\xfe", b"[" * 200_000])
    async def test_a_bad_body_is_400(self, client: Client, body: bytes) -> None:
        answer = await client.call("PUT", "/v1/agent/service/register", body)
        assert (answer.status, answer.text.startswith("Request decode failed")) == (400, True)

    async def test_a_huge_body_is_413(self, client: Client) -> None:
        answer = await client.call("PUT", "/v1/agent/service/register", b" " * (600 << 10))
        assert (answer.status, "too large" in answer.text) == (413, True)

    async def test_a_body_may_come_in_parts(self, client: Client, agent: ConsulAgent) -> None:
        parts = [b'{"Name"', b': "web"}']
        events = [{"type": "http.request", "body": each, "more_body": each is parts[0]} for each in parts]
        scope = {"type": "http", "method": "PUT", "path": "/v1/agent/service/register", "query_string": b""}

        async def receive() -> dict[str, Any]:
            return events.pop(0)

        async def send(event: object) -> None:
            pass

        await agent(scope, receive, send)
        assert await ids(client) == ["web"]

    async def test_a_websocket_is_turned_away(self, agent: ConsulAgent) -> None:
        sent: list[Any] = []

        async def send(event: Any) -> None:
            sent.append(event)

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        await agent({"type": "websocket"}, receive, send)
        assert sent == [{"type": "websocket.close"}]

    async def test_a_refused_registration_changes_nothing(self, client: Client) -> None:
        before = (await client.get("/v1/catalog/services")).index
        await client.put("/v1/agent/service/register", SERVICE | {"Check": {"HTTP": "http://x"}})
        assert (await client.get("/v1/catalog/services")).index == before

    async def test_a_fault_of_our_own_is_500_without_its_traceback(
        self, client: Client, agent: ConsulAgent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(agent.catalogue, "instances", None)
        answer = await client.get("/v1/health/service/web")
        assert (answer.status, "Traceback" in answer.text) == (500, False)

    async def test_a_client_that_goes_away_half_way_is_forgotten(self, agent: ConsulAgent) -> None:
        async def receive() -> dict[str, str]:
            return {"type": "http.disconnect"}

        async def send(event: object) -> None:
            pytest.fail("nobody is there to answer")

        await agent({"type": "http", "method": "GET", "path": "/v1/agent/self", "query_string": b""}, receive, send)
