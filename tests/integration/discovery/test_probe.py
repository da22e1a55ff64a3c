"""Probing a service that is there, unwell, slow or gone."""

import asyncio
import ssl

import pytest

from atoll.discovery.agent.probe import probe
from atoll.discovery.agent.records import CheckDefinition
from tests.integration.discovery.conftest import Backend
from tests.integration.discovery.serving import talking


def http(port: int, **more: object) -> CheckDefinition:
    target = f"http://127.0.0.1:{port}/readyz"
    return CheckDefinition(id="c", name="c", kind="http", target=target, **more)  # type: ignore[arg-type]


def tcp(port: int) -> CheckDefinition:
    return CheckDefinition(id="c", name="c", kind="tcp", target=f"127.0.0.1:{port}", timeout=5.0)


@pytest.mark.parametrize(
    ("status", "found"), [(200, "passing"), (429, "warning"), (503, "critical"), (302, "critical")]
)
async def test_an_http_check_finds_the_status(backend: Backend, status: int, found: str) -> None:
    backend.status = status
    assert (await probe(http(backend.port))).status == found


async def test_an_http_check_shows_what_it_was_told(backend: Backend) -> None:
    output = (await probe(http(backend.port))).output
    assert output == f"HTTP GET http://127.0.0.1:{backend.port}/readyz: 200 OK Output: ready"


async def test_an_http_check_may_use_another_method(backend: Backend) -> None:
    await probe(http(backend.port, method="POST", body="x"))
    assert backend.asked == ["POST /readyz HTTP/1.1"]


async def test_a_service_that_is_not_there_is_critical(free_port: int) -> None:
    outcome = await probe(http(free_port))
    assert (outcome.status, "Connect call failed" in outcome.output) == ("critical", True)


async def test_a_service_that_does_not_answer_in_time_is_critical() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(say_nothing) as port:
        outcome = await probe(http(port, timeout=0.05))
    assert (outcome.status, "no answer within 0.05 s" in outcome.output) == ("critical", True)


async def test_a_tcp_check_finds_who_listens(backend: Backend, free_port: int) -> None:
    assert ((await probe(tcp(backend.port))).status, (await probe(tcp(free_port))).status) == ("passing", "critical")


async def test_a_host_that_has_no_address_is_critical() -> None:
    check = CheckDefinition(id="c", name="c", kind="http", target="http://no.such.host.invalid/", timeout=5.0)
    assert (await probe(check)).status == "critical"


@pytest.mark.parametrize(("verify", "found"), [(True, "critical"), (False, "passing")])
async def test_a_certificate_counts_unless_told_otherwise(
    backend: Backend, certificate: ssl.SSLContext, verify: bool, found: str
) -> None:
    async with talking(backend.answer, tls=certificate) as port:
        target = f"https://127.0.0.1:{port}/readyz"
        check = CheckDefinition(id="c", name="c", kind="http", target=target, verify=verify, timeout=5.0)
        assert (await probe(check)).status == found
