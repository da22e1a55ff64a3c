"""What is told to the agent: registrations, reports, maintenance."""

import pytest

from atoll.discovery import ConsulAgent
from tests.unit.discovery.agent.web import SERVICE, ids
from tests.unit.discovery.fakes import Client, VirtualClock


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
