"""What a child of the warm parent does: become services, become a program, or prepare."""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import uvloop

from atoll.core import AtollError, Settings
from atoll.observability import configure_logging, log_as
from atoll.service import ServiceHost
from atoll.service.preparation import prepare
from atoll.system.declaration import System
from atoll.system.wire import Failed, Module, Preparation, Ready, Services, Spawn, encode

T = TypeVar("T")
Hosts = Mapping[str, ServiceHost[Any]]

CANNOT_START: Final = 78
"""The exit code of a service that is declared or configured wrongly (EX_CONFIG of sysexits.h)."""


def run_job(system: System, order: Spawn, channel: socket.socket) -> int:
    """Do what `order` says in this process and return the exit code."""
    _redirect(order.log)
    os.environ.clear()
    os.environ.update(order.environ)
    match order.job:
        case Services(names=names):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_live(partial(_serve, system, names, order.key), order.key, channel))
        case Preparation():
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_live(partial(_prepare, system, order.key), order.key, channel))
        case Module():
            channel.close()
            return _run_module(order.job)


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _run_module(job: Module) -> int:
    sys.argv = [job.module, *job.args]
    try:
        runpy.run_module(job.module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


async def _live(start: Callable[[], Coroutine[Any, Any, Hosts]], key: str, channel: socket.socket) -> int:
    """Start, say so, and stop at SIGTERM or when a service cannot go on: requests in hand are drained."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(channel, partial(os._exit, 1))  # nobody writes to it, so it is readable when the parent is gone
    try:
        hosts = await _unless(stop, start())
    except Exception as error:  # noqa: BLE001 - the boundary of the process: reported, then it ends
        return _tell(key, channel, error)
    if hosts is None:
        return 0
    addresses = {name: host.address for name, host in hosts.items()}
    channel.sendall(encode(Ready(key=key, addresses=addresses)))
    cause = await _end_of(hosts, stop)
    await asyncio.gather(*(host.stop() for host in hosts.values()))
    return 0 if cause is None else _tell(key, channel, cause)


async def _serve(system: System, names: Sequence[str], key: str) -> Hosts:
    settings = _settings(key)
    hosts = {name: ServiceHost(system.by_name[name], settings, system.providers) for name in names}
    await asyncio.gather(*(_start_one(name, host) for name, host in hosts.items()))
    return hosts


async def _prepare(system: System, key: str) -> Hosts:
    await prepare(system.services, _settings(key))
    return {}


def _settings(key: str) -> Settings:
    settings = Settings.read(os.environ)
    configure_logging(
        key.partition("/")[0], instance=settings.instance, format=settings.log_format, level=settings.log_level
    )
    return settings


async def _start_one(name: str, host: ServiceHost[Any]) -> None:
    log_as(name, os.environ.get("ATOLL_INSTANCE", "0"))
    await host.start()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` returns, or cancel it and return None when `stop` is set first."""
    doing, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not doing.done():
        doing.cancel()
        await asyncio.wait((doing,))
        return None
    return doing.result()


async def _end_of(hosts: Hosts, stop: asyncio.Event) -> Exception | None:
    """Wait for `stop`, or for what one of the services cannot go on with, which is returned."""
    failing = [asyncio.create_task(host.failed()) for host in hosts.values()]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((stopping, *failing), return_when=asyncio.FIRST_COMPLETED)
    error = next((each.result() for each in failing if each.done()), None)
    for each in (stopping, *failing):
        each.cancel()
    return error


def _tell(key: str, channel: socket.socket, error: Exception) -> int:
    """Report why a service cannot start or go on; the whole traceback goes to its log if it is not a plain mistake."""
    final = isinstance(error, AtollError) and not error.retryable
    if final:
        sys.stderr.write(f"{error}\n")
    else:
        traceback.print_exception(error)
    message = str(error) if isinstance(error, AtollError) else f"{type(error).__name__}: {' '.join(str(error).split())}"
    channel.sendall(encode(Failed(key=key, message=message, final=final)))
    return CANNOT_START if final else 1
