"""The agent's HTTP API, in the shapes and under the rules of Consul's."""

import asyncio
from typing import Any

import pytest

from atoll.discovery import ConsulAgent
from tests.unit.discovery.fakes import Answer, Client, VirtualClock, settle

SERVICE = {
    "ID": "web-1",
    "Name": "web",
    "Address": "10.0.0.1",
    "Port": 8000,
    "Tags": ["primary"],
    "Meta": {"version": "1"},
    "Check": {"TTL": "30s", "Status": "passing"},
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(5_000.0)


@pytest.fixture
def agent(clock: VirtualClock) -> ConsulAgent:
    return ConsulAgent(node="here", clock=clock, random=lambda: 0.0)


@pytest.fixture
def client(agent: ConsulAgent) -> Client:
    return Client(agent)


@pytest.fixture
async def web(client: Client) -> None:
    assert (await client.put("/v1/agent/service/register", SERVICE)).status == 200


async def ids(client: Client, path: str = "/v1/health/service/web?passing") -> list[str]:
    return [each["Service"]["ID"] for each in (await client.get(path)).json]


@pytest.mark.usefixtures("web")
class TestReading:
    async def test_health_shows_the_service(self, client: Client) -> None:
        (entry,) = (await client.get("/v1/health/service/web")).json
        shown = {key: entry["Service"][key] for key in ("ID", "Service", "Address", "Port", "Tags", "Meta", "Weights")}
        assert shown == {
            "ID": "web-1",
            "Service": "web",
            "Address": "10.0.0.1",
            "Port": 8000,
            "Tags": ["primary"],
            "Meta": {"version": "1"},
            "Weights": {"Passing": 1, "Warning": 1},
        }

    async def test_health_shows_the_node(self, client: Client) -> None:
        (entry,) = (await client.get("/v1/health/service/web")).json
        assert {key: entry["Node"][key] for key in ("Node", "Address", "Datacenter", "Meta")} == {
            "Node": "here",
            "Address": "127.0.0.1",
            "Datacenter": "dc1",
            "Meta": {},
        }

    async def test_health_shows_the_checks_of_the_node_and_of_the_service(self, client: Client) -> None:
        (entry,) = (await client.get("/v1/health/service/web")).json
        shown = [(each["CheckID"], each["ServiceID"], each["ServiceTags"]) for each in entry["Checks"]]
        assert shown == [("serfHealth", "", []), ("service:web-1", "web-1", ["primary"])]

    async def test_passing_leaves_out_what_does_not_pass(self, client: Client) -> None:
        await client.put("/v1/agent/check/warn/service:web-1")
        assert (await ids(client), await ids(client, "/v1/health/service/web")) == ([], ["web-1"])

    @pytest.mark.parametrize(
        ("query", "found"), [("tag=primary", 1), ("tag=other", 0), ("tag=primary&tag=other", 0), ("node-meta=a:b", 0)]
    )
    async def test_an_instance_must_have_every_tag_asked_for(self, client: Client, query: str, found: int) -> None:
        assert len(await ids(client, f"/v1/health/service/web?{query}")) == found

    async def test_an_unknown_service_is_an_empty_list(self, client: Client) -> None:
        answer = await client.get("/v1/health/service/other")
        assert (answer.status, answer.json) == (200, [])

    async def test_the_checks_of_a_service_are_without_those_of_the_node(self, client: Client) -> None:
        answer = await client.get("/v1/health/checks/web")
        assert [each["CheckID"] for each in answer.json] == ["service:web-1"]

    @pytest.mark.parametrize(("state", "found"), [("any", 2), ("passing", 2), ("warning", 0), ("critical", 0)])
    async def test_checks_are_found_by_their_state(self, client: Client, state: str, found: int) -> None:
        assert len((await client.get(f"/v1/health/state/{state}")).json) == found

    @pytest.mark.parametrize(("node", "found"), [("here", 2), ("elsewhere", 0)])
    async def test_checks_are_found_by_their_node(self, client: Client, node: str, found: int) -> None:
        assert len((await client.get(f"/v1/health/node/{node}")).json) == found

    @pytest.mark.parametrize("kind", ["connect", "ingress"])
    async def test_there_are_no_proxies(self, client: Client, kind: str) -> None:
        answer = await client.get(f"/v1/health/{kind}/web")
        assert (answer.json, answer.index > 0) == ([], True)

    async def test_the_catalog_lists_services_with_their_tags(self, client: Client) -> None:
        await client.put("/v1/agent/service/register", SERVICE | {"ID": "web-2", "Tags": ["b", "a"]})
        assert (await client.get("/v1/catalog/services")).json == {"web": ["a", "b", "primary"]}

    async def test_the_catalog_shows_a_service_flat(self, client: Client) -> None:
        (entry,) = (await client.get("/v1/catalog/service/web")).json
        shown = [entry[key] for key in ("Node", "Address", "ServiceID", "ServiceAddress", "ServicePort", "ServiceTags")]
        assert shown == ["here", "127.0.0.1", "web-1", "10.0.0.1", 8000, ["primary"]]

    async def test_the_catalog_shows_the_node(self, client: Client) -> None:
        assert [each["Node"] for each in (await client.get("/v1/catalog/nodes")).json] == ["here"]

    async def test_the_catalog_shows_what_is_on_the_node(self, client: Client) -> None:
        shown = (await client.get("/v1/catalog/node/here")).json
        assert (shown["Node"]["Node"], list(shown["Services"])) == ("here", ["web-1"])

    async def test_an_unknown_node_is_null(self, client: Client) -> None:
        assert (await client.get("/v1/catalog/node/elsewhere")).json is None

    async def test_the_agent_lists_its_services_by_id(self, client: Client) -> None:
        shown = (await client.get("/v1/agent/services")).json
        assert (list(shown), shown["web-1"]["Service"], shown["web-1"]["Datacenter"]) == (["web-1"], "web", "dc1")

    async def test_the_agent_shows_one_service(self, client: Client) -> None:
        assert (await client.get("/v1/agent/service/web-1")).json["Port"] == 8000

    async def test_the_agent_lists_its_checks_by_id(self, client: Client) -> None:
        assert list((await client.get("/v1/agent/checks")).json) == ["service:web-1"]

    async def test_an_answer_can_be_pretty(self, client: Client) -> None:
        assert '\n    "web"' in (await client.get("/v1/catalog/services?pretty")).text


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


@pytest.mark.usefixtures("web")
class TestWriting:
    async def test_a_deregistered_service_is_gone(self, client: Client) -> None:
        assert (await client.put("/v1/agent/service/deregister/web-1")).status == 200
        assert await ids(client) == []

    async def test_deregistering_an_unknown_service_is_refused(self, client: Client) -> None:
        answer = await client.put("/v1/agent/service/deregister/web")
        assert (answer.status, answer.text.startswith("Unknown service ID 'web'")) == (404, True)

    @pytest.mark.parametrize(("verb", "status"), [("pass", "passing"), ("warn", "warning"), ("fail", "critical")])
    async def test_a_service_reports_on_itself(self, client: Client, verb: str, status: str) -> None:
        await client.put(f"/v1/agent/check/{verb}/service:web-1?note=so")
        check = (await client.get("/v1/agent/checks")).json["service:web-1"]
        assert (check["Status"], check["Output"]) == (status, "so")

    async def test_a_report_may_be_a_body(self, client: Client) -> None:
        await client.put("/v1/agent/check/update/service:web-1", {"Status": "warning", "Output": "so"})
        assert (await client.get("/v1/agent/checks")).json["service:web-1"]["Status"] == "warning"

    async def test_a_check_can_be_added_and_taken_out(self, client: Client) -> None:
        await client.put("/v1/agent/check/register", {"Name": "disk", "TTL": "5s", "ServiceID": "web-1"})
        assert await ids(client) == []
        await client.put("/v1/agent/check/deregister/disk")
        assert await ids(client) == ["web-1"]

    async def test_a_report_on_a_check_that_is_probed_is_refused(self, client: Client) -> None:
        check = {"Name": "ready", "TCP": "127.0.0.1:1", "Interval": "10s"}
        await client.put("/v1/agent/check/register", check)
        assert (await client.put("/v1/agent/check/pass/ready")).status == 400
        await client.app.close()

    @pytest.mark.parametrize("path", ["service/maintenance/web-1", "maintenance"])
    async def test_maintenance_takes_an_instance_out_for_a_while(self, client: Client, path: str) -> None:
        await client.put(f"/v1/agent/{path}?enable=true&reason=repairs")
        assert await ids(client) == []
        await client.put(f"/v1/agent/{path}?enable=false")
        assert await ids(client) == ["web-1"]

    async def test_maintenance_must_be_told_on_or_off(self, client: Client) -> None:
        assert (await client.put("/v1/agent/maintenance")).text == "Missing value for enable"

    async def test_a_ttl_that_runs_out_is_noticed(
        self, client: Client, agent: ConsulAgent, clock: VirtualClock
    ) -> None:
        async with agent:
            await clock.advance(31)
            assert await ids(client) == []

    async def test_what_is_critical_for_a_minute_is_taken_out(
        self, client: Client, agent: ConsulAgent, clock: VirtualClock
    ) -> None:
        check = {"TTL": "30s", "DeregisterCriticalServiceAfter": "30s"}
        await client.put("/v1/agent/service/register", SERVICE | {"Check": check})
        async with agent:
            await clock.advance(59)
            assert await ids(client, "/v1/health/service/web") == ["web-1"]
            await clock.advance(2)
            assert await ids(client, "/v1/health/service/web") == []


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
