"""The course of a demo: start, customers, kills half-way, quiet, invariants, stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from atoll.system import RunningSystem, running
from atoll.system.memory import pss
from atoll.torture.census import Census
from atoll.torture.settle import checked, clients_of
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
    census = Census()
    async with running(shop, directory=directory, environ=ENVIRON, on_progress=display.progress) as system:
        display.say(f"the shop is up after {system.started_in:.1f} s, gateway at {system.gateway_url}")
        census.note(system.pids)
        async with display.watching(tally):
            customers = asyncio.create_task(serve_crowd(system.gateway_url, crowd, tally))
            customers.add_done_callback(lambda _: tally.change())
            kills = await _kill_halfway(system, tally, display, customers)
            await customers
        census.note(system.pids)
        memory = sum(pss(pid) or 0 for pid in set(system.pids.values()))
        display.say("the customers have left; waiting until the shop is quiet")
        violations = await until_quiet(system)
    return Summary(tally=tally, kills=kills, violations=violations, memory=memory, left_running=census.left())


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
    async with clients_of(system.registry_url) as clients:
        while True:
            violations = {each.name: await checked(each.check(clients)) for each in shop.invariants}
            if not any(violations.values()) or time.monotonic() > deadline:
                return violations
            await asyncio.sleep(0.25)
