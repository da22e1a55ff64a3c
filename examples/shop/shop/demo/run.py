"""The course of a demo: start, customers, kills half-way, quiet, invariants, stop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from atoll.clients import Clients, HTTPTransport
from atoll.core import AtollError
from atoll.discovery import Resolver, open_registry
from atoll.system import Invariant, RunningSystem, running
from atoll.system.memory import pss
from shop.customers.customer import Crowd, serve_crowd
from shop.customers.tally import Tally
from shop.demo.display import Display
from shop.demo.summary import Summary
from shop.system import shop

VICTIMS: Final = ("order", "payment")
QUIET_SECONDS: Final = 60.0
ENVIRON: Final = {"SHOP_CART_IDLE_SECONDS": "5"}


async def run_demo(crowd: Crowd, *, directory: Path, display: Display, began: float) -> Summary:
    """Run the shop in `directory`, with customers and kills; return what it came to when all is stopped."""
    tally = Tally(began=began, customers=crowd.customers)
    seen: dict[int, tuple[str, str]] = {}
    async with running(shop, directory=directory, environ=ENVIRON, on_progress=display.progress) as system:
        display.say(f"the shop is up after {system.started_in:.1f} s, gateway at {system.gateway_url}")
        note_processes(system, seen)
        async with display.watching(tally):
            customers = asyncio.create_task(serve_crowd(system.gateway_url, crowd, tally))
            customers.add_done_callback(lambda _: tally.change())
            kills = await _kill_halfway(system, tally, display, customers)
            await customers
        note_processes(system, seen)
        memory = sum(pss(pid) or 0 for pid in set(system.pids.values()))
        display.say("the customers have left; waiting until the shop is quiet")
        violations = await until_quiet(system)
    left = [name for pid, (name, birth) in seen.items() if birth_of(pid) == birth != ""]
    return Summary(tally=tally, kills=kills, violations=violations, memory=memory, left_running=left)


async def _kill_halfway(
    system: RunningSystem, tally: Tally, display: Display, customers: asyncio.Task[None]
) -> dict[str, float]:
    """Kill each victim in the middle of checkouts; return how long each took to be ready again."""
    kills: dict[str, float] = {}
    for victim in VICTIMS:
        await tally.until(lambda: customers.done() or (tally.half_way and tally.in_checkout >= 2))
        began = time.monotonic()
        pid = system.kill(victim)
        display.say(f"[bold red]kill -9 {victim}[/bold red] (process {pid}) with {tally.in_checkout} in checkout")
        await system.wait_healthy(victim)
        kills[victim] = time.monotonic() - began
        display.say(f"{victim} is ready again after {kills[victim]:.1f} s")
    return kills


async def until_quiet(system: RunningSystem) -> Mapping[str, Sequence[str]]:
    """Return the violations once there are none, or those that are left when the time is over."""
    deadline = time.monotonic() + QUIET_SECONDS
    async with clients_of(system) as clients:
        while True:
            violations = {each.name: await _checked(each, clients) for each in shop.invariants}
            if not any(violations.values()) or time.monotonic() > deadline:
                return violations
            await asyncio.sleep(0.25)


async def _checked(invariant: Invariant, clients: Clients) -> list[str]:
    try:
        return await invariant.check(clients)
    except AtollError as error:
        return [f"could not be checked: {error}"]


@asynccontextmanager
async def clients_of(system: RunningSystem) -> AsyncGenerator[Clients]:
    """Clients that find the services of a running system, as its services do."""
    registry = open_registry(system.registry_url)
    resolver, transport = Resolver(registry), HTTPTransport()
    try:
        yield Clients(resolver, transport)
    finally:
        await resolver.close()
        await transport.close()
        await registry.close()


def note_processes(system: RunningSystem, seen: dict[int, tuple[str, str]]) -> None:
    """Remember the processes that run now, each with the time it began."""
    seen.update({pid: (name, birth_of(pid)) for name, pid in system.pids.items()})


def birth_of(pid: int) -> str:
    """Return something that tells this process from a later one with its id; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return "there" if not Path("/proc/self").exists() and _answers(pid) else ""
    return "" if fields[0] == "Z" else fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
