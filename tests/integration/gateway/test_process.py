"""Envoy as a child: started, found broken, killed, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import httpx
import psutil
import pytest

from atoll.gateway import EnvoyFailed, EnvoyProcess, Gateway, PortTaken, Route, Snapshot, compile_routes
from tests.integration.gateway.edge import CONTRACTS, POLICY, eventually, running_edge
from tests.integration.gateway.upstream import Answer, Received, Upstream, never


def envoy_in(directory: Path, policy: Gateway = POLICY) -> EnvoyProcess:
    return EnvoyProcess(compile_routes(CONTRACTS, policy), directory, concurrency=1)


async def status(envoy: EnvoyProcess, path: str = "/healthz") -> int:
    async with httpx.AsyncClient(base_url=envoy.url) as http:
        return (await http.get(path)).status_code


async def test_a_gateway_is_ready_as_soon_as_it_is_started(tmp_path: Path) -> None:
    async with envoy_in(tmp_path) as envoy:
        assert (await envoy.ready(), await status(envoy)) == (True, 200)


async def test_a_gateway_that_is_stopped_has_no_process_and_is_not_ready(tmp_path: Path) -> None:
    async with envoy_in(tmp_path) as envoy:
        pid = envoy.pid
    assert (psutil.pid_exists(pid), await envoy.ready()) == (False, False)


async def test_stopping_twice_is_no_error(tmp_path: Path) -> None:
    async with envoy_in(tmp_path) as envoy:
        await envoy.stop()


async def test_two_gateways_run_side_by_side(tmp_path: Path) -> None:
    async with envoy_in(tmp_path / "one") as one, envoy_in(tmp_path / "two") as two:
        assert one.port != two.port
        assert (await status(one), await status(two)) == (200, 200)


async def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"^port {port} is taken; free it or give Gateway\(port=...\)$"):
            await envoy_in(tmp_path, Gateway(port=port, jwt=POLICY.jwt)).start()


async def test_a_named_port_is_the_one_it_listens_on(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with envoy_in(tmp_path, Gateway(port=port, jwt=POLICY.jwt)) as envoy:
        assert envoy.url == f"http://127.0.0.1:{port}"


async def test_a_gateway_on_every_address_can_be_reached_at_the_loopback_address(tmp_path: Path) -> None:
    async with envoy_in(tmp_path, Gateway(host="0.0.0.0", jwt=POLICY.jwt)) as envoy:
        assert (envoy.url, await status(envoy)) == (f"http://127.0.0.1:{envoy.port}", 200)


async def test_an_envoy_that_cannot_start_tells_why(tmp_path: Path) -> None:
    elsewhere = Gateway(host="203.0.113.1", jwt=POLICY.jwt)
    with pytest.raises(EnvoyFailed, match=r"its log says: .*Cannot assign requested address") as failure:
        await envoy_in(tmp_path, elsewhere).start()
    assert "\n" not in str(failure.value)


async def test_a_configuration_that_envoy_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    route = Route(operation="a.b", service="a", method="GET", path="/", token=False, timeout=-1.0)
    impossible = Snapshot(gateway=Gateway(), services=("a",), routes=(route,))
    with pytest.raises(EnvoyFailed, match=r"^Envoy refused the configuration; its log says: .*[Dd]uration"):
        await EnvoyProcess(impossible, tmp_path, concurrency=1).start()


async def test_a_change_while_envoy_is_down_is_refused_and_used_at_the_next_start(tmp_path: Path) -> None:
    envoy = envoy_in(tmp_path)
    async with Upstream("library") as library:
        with pytest.raises(EnvoyFailed, match="Envoy is not running"):
            await envoy.apply({"library": [library.instance("library")]})
        async with envoy:
            assert await status(envoy, "/books") == 200


async def test_an_envoy_that_was_killed_starts_again_with_its_port_and_endpoints(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        port = edge.envoy.port
        os.kill(edge.envoy.pid, signal.SIGKILL)
        assert await edge.envoy.wait() == -signal.SIGKILL
        await edge.envoy.start()
        assert (edge.envoy.port, await status(edge.envoy, "/books")) == (port, 200)


async def test_a_request_under_way_is_answered_before_the_gateway_stops(tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Received) -> Answer:
        asked.set()
        await go_on.wait()
        return Answer()

    async with running_edge(tmp_path) as edge:
        with edge.library.behaving(slow):
            request = asyncio.create_task(edge.http.get("/books"))
            await asked.wait()
            stopping = asyncio.create_task(edge.envoy.stop())
            go_on.set()
            assert (await request).status_code == 200
            await stopping


async def test_a_request_without_end_does_not_keep_the_gateway_from_stopping(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        with edge.library.behaving(never):
            request = asyncio.create_task(edge.http.get("/books"))
            await eventually(lambda: bool(edge.library.received))
            await edge.envoy.stop(grace=0.05)
            with pytest.raises(httpx.HTTPError):
                await request


async def test_before_its_first_start_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    with pytest.raises(EnvoyFailed, match="Envoy was not started yet"):
        await envoy_in(tmp_path).wait()


async def test_what_the_caller_asks_for_is_done_in_the_child_before_envoy(tmp_path: Path) -> None:
    def yield_to_others() -> None:
        os.nice(1)

    snapshot = compile_routes(CONTRACTS, POLICY)
    async with EnvoyProcess(snapshot, tmp_path, concurrency=1, preexec=yield_to_others) as envoy:
        assert psutil.Process(envoy.pid).nice() == psutil.Process().nice() + 1
