"""What the agent shows of its services, in the shapes of Consul's HTTP API."""

import pytest

from tests.unit.discovery.agent.web import SERVICE, ids
from tests.unit.discovery.fakes import Client


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
