"""The warm parent: everything imported, no loop, no thread; forks each process of a system and reaps it.

It takes orders from the supervisor over a socket pair and forwards what its children report. When that socket
closes, the supervisor is gone: it kills all that is left, its children and what it was told to guard, and ends.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from atoll.system.lifeline import lifeline
from atoll.system.wire import (
    Exited,
    Failed,
    Guard,
    Lines,
    Order,
    Report,
    Signal,
    Spawn,
    Started,
    decode_order,
    encode,
)

Run = Callable[[Spawn, socket.socket], int]
"""What a child does: its order, the socket it reports on (which closes when it is orphaned), its exit code."""

BROKEN: Final = 70
"""The exit code of a child that could not even begin (EX_SOFTWARE of sysexits.h)."""


def fork_zygote(run: Run) -> tuple[int, socket.socket]:
    """Fork a warm parent whose children do `run`; return its pid and the supervisor's end of the socket to it.

    Call it before this process has a loop or a thread. A lock that is open now stays open in the warm parent and
    its children, and so is held until the last of them is gone.
    """
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    try:
        ours.close()
        os.setsid()  # so that Ctrl-C in the terminal reaches the supervisor alone
        Zygote(run, theirs).serve()
    except BaseException:  # noqa: BLE001 - the end of this process
        traceback.print_exc()
    finally:
        os._exit(0)


class Zygote:
    """The loop of the warm parent. A key names one process for as long as it runs."""

    def __init__(self, run: Run, control: socket.socket) -> None:
        self.run = run
        self.control = control
        self.children: dict[int, str] = {}
        self.channels: dict[str, socket.socket] = {}
        self.guarded: tuple[int, ...] = ()
        self.selector = selectors.DefaultSelector()
        self.wakeup, self.bell = socket.socketpair()
        self.orders = Lines()
        self.tie = lifeline()

    def serve(self) -> None:
        """Serve until the supervisor is gone, then leave nothing behind."""
        gc.collect()
        gc.freeze()
        self._listen()
        try:
            while self._turn():
                pass
        finally:
            self._kill_all()

    def _listen(self) -> None:
        for end in (self.wakeup, self.bell):
            end.setblocking(False)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _noted)
        signal.set_wakeup_fd(self.bell.fileno(), warn_on_full_buffer=False)
        for end in (self.control, self.wakeup):
            self.selector.register(end, selectors.EVENT_READ)

    def _turn(self) -> bool:
        for event, _ in self.selector.select():
            source = event.fileobj
            if source is self.control:
                if not self._take_orders():
                    return False
            elif source is self.wakeup:
                _received(self.wakeup)
            elif isinstance(source, socket.socket) and source.fileno() >= 0:
                self._forward(source)
        self._reap()
        return True

    def _take_orders(self) -> bool:
        data = _received(self.control)
        for line in self.orders.feed(data or b""):
            self._obey(decode_order(line))
        return bool(data)

    def _obey(self, order: Order) -> None:
        match order:
            case Spawn():
                self._spawn(order)
            case Signal(key=key, number=number):
                for pid in [pid for pid, name in self.children.items() if name == key]:
                    os.kill(pid, number)  # not reaped yet, so the pid is still this child's
            case Guard(pids=pids):
                self.guarded = pids

    def _spawn(self, order: Spawn) -> None:
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError as error:
            self._report(Failed(key=order.key, message=f"{order.key} cannot be started: {error.strerror}"))
            self._report(Exited(key=order.key, pid=0, code=BROKEN))
            return
        if pid == 0:
            ours.close()
            self._become(order, theirs)
        theirs.close()
        ours.setblocking(False)
        self.children[pid] = order.key
        self.channels[order.key] = ours
        self.selector.register(ours, selectors.EVENT_READ)
        self._report(Started(key=order.key, pid=pid))

    def _become(self, order: Spawn, channel: socket.socket) -> NoReturn:
        code = BROKEN
        try:
            self.tie()
            self._forget()
            code = self.run(order, channel)
        except BaseException:  # noqa: BLE001 - the end of this process
            traceback.print_exc()
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _forget(self) -> None:
        """In a child: let go of all that is the warm parent's, its signals and its sockets."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.selector.close()
        for end in (self.control, self.wakeup, self.bell, *self.channels.values()):
            end.close()

    def _forward(self, channel: socket.socket) -> bool:
        """Pass on what a child reported, in whole lines; return whether there was anything."""
        data = _received(channel)
        if data:
            self._send(data)
        elif data is not None:
            self.selector.unregister(channel)
            channel.close()
        return bool(data)

    def _reap(self) -> None:
        for pid in list(self.children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self._bury(pid, os.waitstatus_to_exitcode(status))

    def _bury(self, pid: int, code: int) -> None:
        key = self.children.pop(pid)
        channel = self.channels.pop(key)
        while channel.fileno() >= 0 and self._forward(channel):
            pass  # its last words come before its end
        if channel.fileno() >= 0:
            self.selector.unregister(channel)
            channel.close()
        self._report(Exited(key=key, pid=pid, code=code))

    def _report(self, report: Report) -> None:
        self._send(encode(report))

    def _send(self, data: bytes) -> None:
        with suppress(OSError):  # the supervisor is gone; the next turn sees it
            self.control.sendall(data)

    def _kill_all(self) -> None:
        for pid in (*self.children, *self.guarded):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in self.children:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _received(source: socket.socket) -> bytes | None:
    """The bytes that are there, nothing at the end, None when there are none yet."""
    try:
        return source.recv(65536)
    except BlockingIOError:
        return None
    except ConnectionError:
        return b""


def _noted(_number: int, _frame: object) -> None:
    """SIGCHLD only has to wake the selector."""
