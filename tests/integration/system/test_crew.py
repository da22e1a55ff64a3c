"""Forked processes are started, restarted, stopped, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from atoll.core import SystemClock
from atoll.system.crew import Crew
from atoll.system.errors import StartFailed
from atoll.system.member import Member, Plan
from atoll.system.restart import RestartPolicy
from atoll.system.wire import Failed, Ready, Services, Spawn, encode
from atoll.system.zygote import fork_zygote
from tests.integration.system.eventually import eventually, gone


def play(order: Spawn, channel: socket.socket) -> int:
    """The child of these tests: does what the name of its service says."""
    (name,) = order.job.names if isinstance(order.job, Services) else (order.job.module,)
    if name == "refuses":
        channel.sendall(encode(Failed(key=order.key, message="ATOLL_X is wrong", final=True)))
        return 78
    if name == "breaks":
        return 3
    if name == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel.sendall(encode(Ready(key=order.key, addresses={name: order.environ.get("AT", "")})))
    channel.recv(1)
    return 0


def plan(name: str, **changes: Any) -> Plan:
    chosen = {"job": Services(names=(name,)), "environ": {}, "log": Path(os.devnull), "kind": "service"} | changes
    return Plan(name=name, **chosen)


@pytest.fixture
def crewed() -> Callable[[Callable[[Crew, list[Member]], Coroutine[Any, Any, None]]], int]:
    """Run a test's steps with a crew; returns the pid of the warm parent, which is gone then."""

    def run(steps: Callable[[Crew, list[Member]], Coroutine[Any, Any, None]]) -> int:
        pid, control = fork_zygote(play)
        ends: list[Member] = []

        async def go() -> None:
            policy = RestartPolicy(base=0.01)
            quiet, note = (lambda: None), (lambda member, _: ends.append(member))
            async with asyncio.timeout(30):
                async with Crew(control, clock=SystemClock(), policy=policy, changed=quiet, ended=note) as crew:
                    await steps(crew, ends)

        asyncio.run(go())
        os.waitpid(pid, 0)
        return pid

    return run


def test_a_process_says_that_it_is_ready_and_where(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        (member,) = crew.start([plan("order", environ={"AT": "127.0.0.1:80"})])
        await crew.ready([member])
        assert member.states()[0].address == "127.0.0.1:80"
        assert not gone(member.pid)

    crewed(steps)


def test_a_killed_process_is_started_again(crewed: Any) -> None:
    async def steps(crew: Crew, ends: list[Member]) -> None:
        (member,) = crew.start([plan("order")])
        await crew.ready([member])
        first = member.pid
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: member.pid not in (0, first) and member.condition == "ready")
        assert (member.restarts.total, ends) == (1, [member])

    crewed(steps)


def test_one_that_is_held_stays_away_until_it_is_released(crewed: Any) -> None:
    async def steps(crew: Crew, ends: list[Member]) -> None:
        held, other = crew.start([plan("order"), plan("user")])
        await crew.ready([held, other])
        crew.hold("order/0")
        for each in (held, other):
            os.kill(each.pid, signal.SIGKILL)
        await eventually(lambda: len(ends) == 2 and other.condition == "ready")
        assert (held.condition, held.pid) == ("waiting", 0)
        crew.release("order/0")
        await eventually(lambda: held.condition == "ready")

    crewed(steps)


def test_one_that_refuses_to_start_is_told_in_its_own_words(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        members = crew.start([plan("order"), plan("refuses")])
        with pytest.raises(StartFailed, match="refuses cannot start: ATOLL_X is wrong"):
            await crew.ready(members)

    crewed(steps)


def test_one_that_breaks_again_and_again_is_given_up(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        with pytest.raises(StartFailed, match="breaks cannot start: it ended with exit code 3; see"):
            await crew.ready(crew.start([plan("breaks")]))

    crewed(steps)


def test_a_stopped_process_stays_away(crewed: Any) -> None:
    async def steps(crew: Crew, ends: list[Member]) -> None:
        (member,) = crew.start([plan("order")])
        await crew.ready([member])
        pid = member.pid
        await crew.stop([member], drain=1.0)
        assert (gone(pid), member.condition, ends) == (True, "stopped", [])

    crewed(steps)


def test_one_that_will_not_stop_is_killed(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        (member,) = crew.start([plan("deaf")])
        await crew.ready([member])
        pid = member.pid
        await crew.stop([member], drain=-1.9)
        assert gone(pid)

    crewed(steps)


def test_one_that_will_not_stop_is_killed_at_once_in_a_hurry(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        (member,) = crew.start([plan("deaf")])
        await crew.ready([member])
        stopping = asyncio.create_task(crew.stop([member], drain=3600.0))
        await eventually(lambda: member.condition == "stopping")
        crew.hurry()
        await stopping
        assert member.condition == "stopped"

    crewed(steps)


def test_one_that_is_stopped_while_it_starts_is_gone(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        (member,) = crew.start([plan("order")])
        await crew.stop([member], drain=1.0)
        assert (member.condition, member.live) == ("stopped", False)

    crewed(steps)


def test_nothing_is_left_when_the_supervisor_is_gone(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        members = crew.start([plan("order"), plan("deaf")])
        await crew.ready(members)
        pids = [each.pid for each in members]
        crew._writer.close()  # as the kernel does for a supervisor that was killed
        for pid in pids:
            await eventually(lambda pid=pid: gone(pid))

    crewed(steps)


def test_the_loss_of_the_warm_parent_ends_the_wait(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        (member,) = crew.start([plan("order")])
        await crew.ready([member])
        pid = member.pid
        os.kill(os.getppid() if pid == 0 else _parent(pid), signal.SIGKILL)
        await crew.lost.wait()
        await eventually(lambda: gone(pid))

    crewed(steps)


def _parent(pid: int) -> int:
    import psutil

    return psutil.Process(pid).ppid()


def test_no_child_holds_the_line_of_another(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        members = crew.start([plan("one"), plan("two"), plan("three")])
        await crew.ready(members)
        sockets = [_sockets(each.pid) - inherited for each in members]
        assert all(len(each) == 1 for each in sockets)
        assert len(set.union(*sockets)) == 3

    inherited = _sockets(os.getpid())  # of the tests themselves, and of those that ran before
    crewed(steps)


def _sockets(pid: int) -> set[str]:
    links = set[str]()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # such as the one of the folder itself, by which it is read
            links.add(os.readlink(each))
    return {each for each in links if each.startswith("socket:")}


def test_all_that_cannot_start_are_named(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        members = crew.start([plan("steady"), plan("refuses"), plan("refuses", instance=1)])
        with pytest.raises(StartFailed) as caught:
            await crew.ready(members)
        assert str(caught.value).splitlines() == [
            "refuses cannot start: ATOLL_X is wrong",
            "refuses-1 cannot start: ATOLL_X is wrong",
        ]

    crewed(steps)


def test_what_is_done_once_is_gone_afterwards(crewed: Any) -> None:
    async def steps(crew: Crew, _: list[Member]) -> None:
        await crew.do(plan("steady"))
        assert not crew.members
        with pytest.raises(StartFailed, match="^refuses cannot start: ATOLL_X is wrong$"):
            await crew.do(plan("refuses"))
        assert not crew.members

    crewed(steps)
