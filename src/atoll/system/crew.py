"""The forked processes of a system, kept running: the supervisor's side of the warm parent."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Final

from atoll.core import Clock
from atoll.system.errors import StartFailed
from atoll.system.member import Member, Plan
from atoll.system.ports import LOOPBACK
from atoll.system.restart import RestartPolicy
from atoll.system.wire import (
    Exited,
    Failed,
    Guard,
    Lines,
    Order,
    Ready,
    Report,
    Signal,
    Spawn,
    Started,
    decode_report,
    encode,
)

MARGIN: Final = 2.0
"""Seconds that a process is given beyond its drain time before it is killed."""

GRACE: Final = 1.0
"""Seconds in which others may say that they cannot start either, once one has said so."""

_logger = logging.getLogger(__name__)


class Crew:
    """Starts, restarts and stops processes through the warm parent; `async with` it.

    `changed` is called after every change, `ended` with each member that ended unasked and its exit code.
    """

    def __init__(
        self,
        control: socket.socket,
        *,
        clock: Clock,
        policy: RestartPolicy,
        changed: Callable[[], None],
        ended: Callable[[Member, int], None],
    ) -> None:
        self.members: dict[str, Member] = {}
        self.lost = asyncio.Event()
        self._control = control
        self._clock = clock
        self._policy = policy
        self._changed = changed
        self._ended = ended
        self._turn = asyncio.Event()
        self._ending = signal.SIGTERM
        self._held: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Crew:
        self._control.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=self._control)
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(self.members.values(), drain=0.0)
        for task in (*self._tasks, self._reading):
            task.cancel()
        await asyncio.gather(*self._tasks, self._reading, return_exceptions=True)
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def start(self, plans: Iterable[Plan]) -> list[Member]:
        """Start processes; `ready` waits for them."""
        members = [Member(plan, self._policy) for plan in plans]
        for member in members:
            self.members[member.plan.key] = member
            self._spawn(member)
        self._change()
        return members

    async def do(self, plan: Plan) -> None:
        """Run a process that is done once it is ready. Raises StartFailed when it never is."""
        members = self.start([plan])
        try:
            await self.ready(members)
        finally:
            await self.stop(members, drain=0.0)
            del self.members[plan.key]

    async def ready(self, members: Sequence[Member], tell: Callable[[int], None] = lambda _: None) -> None:
        """Return when all are ready, calling `tell` with the number of those that are, from 0 on.

        Raises StartFailed when one of them cannot start, naming all that say so within GRACE seconds.
        """
        tell(known := 0)
        while known < len(members):
            await self._next()
            if any(each.condition == "failed" for each in members):
                raise StartFailed(await self._failures(members))
            if self.lost.is_set():
                raise StartFailed("the warm parent of the services ended; run `atoll up` again")
            if (now := sum(each.condition == "ready" for each in members)) != known:
                tell(known := now)

    async def _failures(self, members: Sequence[Member]) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                while any(each.condition in ("starting", "waiting") for each in members) and not self.lost.is_set():
                    await self._next()
        return "\n".join(each.sentence for each in members if each.condition == "failed")

    async def stop(self, members: Iterable[Member], *, drain: float) -> None:
        """Stop processes with SIGTERM, and with SIGKILL those that are there after `drain` and a margin."""
        stopping = list(members)
        for each in stopping:
            each.stop()
            self._signal(each, self._ending)
        self._change()
        if not await self._gone(stopping, drain + MARGIN):
            for each in stopping:
                self._signal(each, signal.SIGKILL)
            await self._gone(stopping, MARGIN)

    def hurry(self) -> None:
        """Wait for no work in hand any more: whatever is stopping, or will be, is killed."""
        self._ending = signal.SIGKILL
        for each in self.members.values():
            if each.condition == "stopping":
                self._signal(each, signal.SIGKILL)

    def hold(self, key: str) -> None:
        """When the process of `key` ends, do not start it again before it is released. Idempotent."""
        self._held.setdefault(key, asyncio.Event())

    def release(self, key: str) -> None:
        """Start the process of `key` again whenever it ends, and now if it has. Idempotent."""
        if (held := self._held.pop(key, None)) is not None:
            held.set()

    def guard(self, pids: Iterable[int]) -> None:
        """Have the warm parent kill these processes too if the supervisor is gone."""
        self._order(Guard(pids=tuple(pids)))

    async def _gone(self, members: Sequence[Member], seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(each.live for each in members) and not self.lost.is_set():
                    await self._next()
        return not any(each.live for each in members)

    async def _next(self) -> None:
        self._turn.clear()
        await self._turn.wait()

    def _change(self) -> None:
        self._turn.set()
        self._changed()

    def _spawn(self, member: Member) -> None:
        plan = member.plan
        member.order()
        self._order(Spawn(key=plan.key, job=plan.job, environ=plan.environ, log=str(plan.log)))

    def _signal(self, member: Member, number: int) -> None:
        if member.pid:
            self._order(Signal(key=member.plan.key, number=number))

    def _order(self, order: Order) -> None:
        if not self.lost.is_set():
            self._writer.write(encode(order))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        lines = Lines()
        try:
            while data := await reader.read(65536):
                for line in lines.feed(data):
                    self._hear(decode_report(line))
                self._change()
        finally:
            self.lost.set()
            self._change()

    def _hear(self, report: Report) -> None:
        if (member := self.members.get(report.key)) is None:
            return  # the end, after all, of one that was given up waiting for
        match report:
            case Started(pid=pid):
                member.begin(pid, self._clock.now())
                if member.condition == "stopping":
                    self._signal(member, self._ending)
                elif member.plan.port:
                    self._later(self._listening(member, pid))
            case Ready(addresses=addresses):
                member.succeed(addresses)
            case Failed(message=message, final=final):
                member.fail(message, final=final)
            case Exited(code=code):
                self._bury(member, code)

    def _bury(self, member: Member, code: int) -> None:
        delay = member.end(code, self._clock.now())
        if delay is None:
            return
        self._ended(member, code)
        self._later(self._again(member, delay))

    async def _again(self, member: Member, delay: float) -> None:
        await self._clock.sleep(delay)
        if (held := self._held.get(member.plan.key)) is not None:
            await held.wait()
        if member.condition == "waiting":
            self._spawn(member)

    async def _listening(self, member: Member, pid: int) -> None:
        """Call a program ready as soon as it accepts a connection."""
        while member.pid == pid:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, member.plan.port)
            except OSError:
                await self._clock.sleep(0.02)
                continue
            writer.close()
            member.succeed({member.plan.name: f"{LOOPBACK}:{member.plan.port}"})
            self._change()
            return

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
