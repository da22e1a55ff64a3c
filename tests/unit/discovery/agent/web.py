"""A service that is registered at the agent, and how its instances are found there."""

from __future__ import annotations

from tests.unit.discovery.fakes import Client

SERVICE = {
    "ID": "web-1",
    "Name": "web",
    "Address": "10.0.0.1",
    "Port": 8000,
    "Tags": ["primary"],
    "Meta": {"version": "1"},
    "Check": {"TTL": "30s", "Status": "passing"},
}


async def ids(client: Client, path: str = "/v1/health/service/web?passing") -> list[str]:
    return [each["Service"]["ID"] for each in (await client.get(path)).json]
