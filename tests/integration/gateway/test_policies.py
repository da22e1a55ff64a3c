"""Policies other than the usual one, each with a gateway of its own."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec

from atoll.contracts import Rate
from atoll.gateway import Gateway, Jwt
from tests.integration.gateway.edge import AUDIENCE, ISSUER, bearer, eventually, running_edge, token
from tests.integration.gateway.upstream import Upstream, never

JWT = Jwt(issuer=ISSUER, audience=AUDIENCE)
PRIVATE = "/books/1/pages/1"


async def test_without_keys_a_token_is_not_called_invalid_and_works_once_they_are_there(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        library = [edge.library.instance("library")]
        async with httpx.AsyncClient(base_url=edge.envoy.url) as http:
            await edge.envoy.stop()
            await edge.envoy.start({"library": library})
            first = await http.get(PRIVATE, headers=bearer(token()))
            await edge.envoy.apply({"library": library, "auth": [edge.auth.instance("auth")]})
            second = await http.get(PRIVATE, headers=bearer(token()))
    assert (first.status_code, first.json()["code"], second.status_code) == (503, "unavailable", 200)


async def test_the_shared_limit_counts_all_operations_without_their_own(tmp_path: Path) -> None:
    async with running_edge(tmp_path, Gateway(jwt=JWT, limit=Rate(requests=2))) as edge:
        codes = [(await edge.http.get(path)).status_code for path in ("/books", "/books/1", "/books/best")]
    assert codes == [200, 200, 429]


async def test_without_a_shared_limit_nothing_is_told_of_limits(tmp_path: Path) -> None:
    async with running_edge(tmp_path, Gateway(jwt=JWT, limit=None)) as edge:
        response = await edge.http.get("/books")
    assert "ratelimit" not in response.headers


async def test_a_trusted_proxy_is_believed_about_the_address(tmp_path: Path) -> None:
    policy = Gateway(jwt=JWT, trusted_hops=1, limit=Rate(requests=1))
    async with running_edge(tmp_path, policy) as edge:
        codes = [
            (await edge.http.get("/books", headers={"x-forwarded-for": address})).status_code
            for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1")
        ]
    assert codes == [200, 200, 429]


async def test_not_even_a_trusted_proxy_chooses_the_id_of_a_request(tmp_path: Path) -> None:
    headers = {"x-forwarded-for": "10.0.0.7", "x-request-id": "mine"}
    async with running_edge(tmp_path, Gateway(jwt=JWT, trusted_hops=1)) as edge:
        response = await edge.http.get("/books", headers=headers)
    assert response.json()["headers"]["x-request-id"] != "mine"


async def test_without_cors_a_preflight_allows_nothing(tmp_path: Path) -> None:
    headers = {"origin": "https://library.test", "access-control-request-method": "GET"}
    async with running_edge(tmp_path, Gateway(jwt=JWT)) as edge:
        response = await edge.http.options("/books", headers=headers)
    assert (response.status_code, "access-control-allow-origin" in response.headers) == (204, False)


async def test_a_page_is_served_by_the_gateway_itself_however_large(tmp_path: Path) -> None:
    body = b"<p>" + b"x" * 500_000
    async with running_edge(tmp_path, static_responses={"/docs": ("text/html; charset=utf-8", body)}) as edge:
        response = await edge.http.get("/docs")
        head = await edge.http.head("/docs")
    assert (response.content, response.headers["content-type"]) == (body, "text/html; charset=utf-8")
    assert (head.status_code, head.content) == (200, b"")


async def test_each_request_leaves_a_line_in_the_log_without_its_query(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        await edge.http.get("/books/1?secret=1")
    lines = [msgspec.json.decode(line) for line in edge.envoy.log.read_bytes().splitlines()]
    (line,) = [each for each in lines if each["logger"] == "access"]
    assert (line["message"], line["operation"]) == ("GET /books/1 200", "library.book")


async def test_the_access_log_can_be_switched_off(tmp_path: Path) -> None:
    async with running_edge(tmp_path, Gateway(jwt=JWT, access_log=False)) as edge:
        await edge.http.get("/books")
    assert b"access" not in edge.envoy.log.read_bytes()


async def test_with_a_collector_the_gateway_sends_spans_and_the_service_continues_its_trace(tmp_path: Path) -> None:
    async with Upstream("collector") as collector:
        policy = Gateway(jwt=JWT, otlp=f"http://127.0.0.1:{collector.port}")
        async with running_edge(tmp_path, policy) as edge:
            trace_id = (await edge.http.get("/books")).json()["headers"]["traceparent"].split("-")[1]
            await eventually(lambda: bool(collector.received))
    (spans, *_) = collector.received
    assert (spans.path, bytes.fromhex(trace_id) in spans.body) == ("/v1/traces", True)
    assert b"router library egress" in spans.body


async def test_an_operation_gets_no_more_time_than_the_gateway_gives(tmp_path: Path) -> None:
    async with running_edge(tmp_path, Gateway(jwt=JWT, timeout=0.2)) as edge:
        with edge.library.behaving(never):
            response = await edge.http.get("/books")
    assert response.status_code == 504


async def test_an_ipv6_caller_counts_by_its_network(tmp_path: Path) -> None:
    policy = Gateway(jwt=JWT, trusted_hops=1, limit=Rate(requests=1))
    async with running_edge(tmp_path, policy) as edge:
        codes = [
            (await edge.http.get("/books", headers={"x-forwarded-for": address})).status_code
            for address in ("2001:db8::1", "2001:db8::2", "2001:db8:1::1")
        ]
    assert codes == [200, 429, 200]
