"""Runs one system from its start to its end: what stands behind `atoll up`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from typing import Final

import uvloop

from atoll.observability import configure_logging
from atoll.system.child import run_job
from atoll.system.declaration import System
from atoll.system.diagnosis import diagnose
from atoll.system.directory import StateDirectory
from atoll.system.errors import PlatformError, PortTaken
from atoll.system.instructions import Hold, Instruction, Release, decode_instruction
from atoll.system.platform import Options, Platform
from atoll.system.ports import is_free
from atoll.system.progress import Report
from atoll.system.replicas import check_replicas
from atoll.system.wire import Lines
from atoll.system.zygote import fork_zygote

STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def supervise(
    system: System,
    directory: StateDirectory,
    *,
    target: str,
    options: Options,
    report: Report,
    attached: bool = False,
) -> None:
    """Run `system` until SIGINT, SIGTERM or SIGHUP, and stop it; a second signal waits for no work in hand.

    `attached`: instructions come on standard input, and its end stops the system too. Raises AtollError when it
    cannot run, or no longer; nothing is left running then either. Call it where there is no loop and no other
    thread, because it forks.
    """
    asyncio.run(diagnose(system, options.environ))
    check_replicas(system, options.replicas, single=options.single)
    _refuse_taken_port(system, options)
    directory.prepare()
    directory.lock()
    try:
        zygote, control = fork_zygote(partial(run_job, system))
        with control, directory.log("supervisor").open("a", encoding="utf-8") as log:
            configure_logging("supervisor", stream=log)
            make = partial(Platform, system, directory, control, target=target, zygote=zygote)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_until_stopped(partial(make, options=options, report=report), attached=attached))
        os.waitpid(zygote, 0)
    finally:
        directory.close()


async def _until_stopped(make: partial[Platform], *, attached: bool) -> None:
    loop = asyncio.get_running_loop()
    platform = make()
    living = asyncio.create_task(_live(platform))

    def stop() -> None:
        if living.cancelling():
            platform.hurry()
        else:
            living.cancel()

    for number in STOPS:
        loop.add_signal_handler(number, stop)
    if attached:
        loop.add_reader(sys.stdin, partial(_read_on, loop, living, Lines(), platform))
    await asyncio.wait((living,))
    if not living.cancelled():
        living.result()


async def _live(platform: Platform) -> None:
    async with platform:
        await platform.lost.wait()
        raise PlatformError("the warm parent of the services was killed, so everything was stopped; run it again")


def _read_on(loop: asyncio.AbstractEventLoop, living: asyncio.Task[None], lines: Lines, platform: Platform) -> None:
    data = os.read(sys.stdin.fileno(), 4096)
    for line in lines.feed(data):
        _obey(decode_instruction(line), platform)
    if not data:
        loop.remove_reader(sys.stdin)
        living.cancel()


def _obey(instruction: Instruction, platform: Platform) -> None:
    match instruction:
        case Hold(name=name):
            platform.hold(name)
        case Release(name=name):
            platform.release(name)


def _refuse_taken_port(system: System, options: Options) -> None:
    if system.gateway is None:
        return
    port = options.gateway_port or system.gateway.port
    if port and not is_free(port, system.gateway.host):
        raise PortTaken(port, "free it, or choose another with --gateway-port")
