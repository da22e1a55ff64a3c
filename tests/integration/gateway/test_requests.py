"""What of a request is believed, passed on, or refused before a service sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway.edge import Edge, bearer, token

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def seen(edge: Edge, headers: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = (await edge.http.get("/books", headers=headers)).json()["headers"]
    return found


async def raw(edge: Edge, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.envoy.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    finally:
        writer.close()


async def test_a_spoofed_address_does_not_reach_the_service(edge: Edge) -> None:
    headers = await seen(edge, {"x-forwarded-for": "203.0.113.9", "x-real-ip": "203.0.113.9", "forwarded": "for=a"})
    assert "203.0.113.9" not in headers["x-forwarded-for"]
    assert not {"x-real-ip", "forwarded"} & set(headers)


@pytest.mark.parametrize(
    "name", ["x-envoy-retry-on", "x-envoy-original-path", "x-envoy-internal", "x-atoll-subject", "baggage", "proxy"]
)
async def test_an_internal_header_from_outside_does_not_reach_the_service(edge: Edge, name: str) -> None:
    assert name not in await seen(edge, {name: "evil"})


async def test_the_verified_subject_stays_inside_the_gateway(edge: Edge) -> None:
    assert "x-atoll-subject" not in await seen(edge, bearer(token("reader")))


async def test_a_caller_cannot_set_the_deadline_of_the_service(edge: Edge) -> None:
    headers = await seen(edge, {"x-envoy-expected-rq-timeout-ms": "1", "x-envoy-upstream-rq-timeout-ms": "1"})
    assert 1000 < int(headers["x-envoy-expected-rq-timeout-ms"]) <= 5000


async def test_the_gateway_gives_each_request_an_id_of_its_own(edge: Edge) -> None:
    response = await edge.http.get("/books", headers={"x-request-id": "mine"})
    assert response.headers["x-request-id"] == response.json()["headers"]["x-request-id"] != "mine"


async def test_an_idempotency_key_and_a_trace_pass_through(edge: Edge) -> None:
    headers = await seen(edge, {"idempotency-key": "k-1", "traceparent": TRACEPARENT, "tracestate": "a=b"})
    assert (headers["idempotency-key"], headers["traceparent"], headers["tracestate"]) == ("k-1", TRACEPARENT, "a=b")


async def test_the_gateway_begins_no_trace_of_its_own(edge: Edge) -> None:
    assert "traceparent" not in await seen(edge, {})


async def test_a_body_over_the_limit_is_a_problem_413(edge: Edge) -> None:
    response = await edge.http.post("/books", content=b"x" * 1001, headers=bearer(token()))
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


async def test_a_chunked_body_over_the_limit_is_413_too(edge: Edge) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    response = await edge.http.post("/books", content=endless(), headers=bearer(token()))
    assert response.status_code == 413


async def test_a_body_up_to_the_limit_arrives_whole_even_in_chunks(edge: Edge) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 100

    response = await edge.http.post("/books", content=chunks(), headers=bearer(token()))
    assert response.json()["size"] == 1000


async def test_a_body_that_is_refused_never_reaches_the_service(edge: Edge) -> None:
    before = len(edge.library.received)
    await edge.http.post("/books", content=b"x" * 5000, headers=bearer(token()))
    assert len(edge.library.received) == before


@pytest.mark.parametrize(
    "request_line",
    [b"GARBAGE", b"GET /books HTTP/1.1", b"GET /books HTTP/1.1\r\nhost: a\r\nunder_score: 1"],
    ids=["not HTTP", "no host", "underscore in a name"],
)
async def test_a_request_that_is_not_valid_is_a_problem_400(edge: Edge, request_line: bytes) -> None:
    head = await raw(edge, request_line + b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head


async def test_length_and_chunks_at_once_are_refused(edge: Edge) -> None:
    smuggled = b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
    assert (await raw(edge, smuggled)).startswith(b"HTTP/1.1 400 ")


async def test_an_escaped_slash_cannot_hide_a_path(edge: Edge) -> None:
    head = await raw(edge, b"GET /books%2F..%2Fcellar HTTP/1.1\r\nhost: a\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 307 ")
    assert b"location: /cellar\r\n" in head


async def test_dots_in_a_path_are_resolved_before_it_is_matched(edge: Edge) -> None:
    head = await raw(edge, b"GET /books/../cellar HTTP/1.1\r\nhost: a\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")


async def test_headers_without_end_are_refused(edge: Edge) -> None:
    assert (await edge.http.get("/books", headers={"x-long": "y" * 70_000})).status_code == 431
