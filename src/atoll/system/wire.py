"""What the supervisor, the warm parent and the children say to each other: JSON lines over socket pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec


class Services(msgspec.Struct, frozen=True, kw_only=True, tag="services"):
    """Run these services of the system in one process."""

    names: tuple[str, ...]


class Preparation(msgspec.Struct, frozen=True, kw_only=True, tag="preparation"):
    """Check what all services stand on and migrate their databases; say ready, and wait to be stopped."""


class Module(msgspec.Struct, frozen=True, kw_only=True, tag="module"):
    """Run a module as `python -m module args`."""

    module: str
    args: tuple[str, ...] = ()


class Spawn(msgspec.Struct, frozen=True, kw_only=True, tag="spawn"):
    """Start a process under `key`, in `environ`, writing to the file `log`."""

    key: str
    job: Services | Module | Preparation
    environ: Mapping[str, str]
    log: str


class Signal(msgspec.Struct, frozen=True, kw_only=True, tag="signal"):
    """Send a signal to the process of `key`, if it still runs."""

    key: str
    number: int


class Guard(msgspec.Struct, frozen=True, kw_only=True, tag="guard"):
    """Kill exactly these processes, which are not the warm parent's own, if the supervisor is gone."""

    pids: tuple[int, ...]


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The process of `key` exists."""

    key: str
    pid: int


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The process of `key` is ready; `addresses` are its services' by name."""

    key: str
    addresses: Mapping[str, str] = {}


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The process of `key` is about to end because of an error. `final`: starting it again cannot help."""

    key: str
    message: str
    final: bool = False


class Exited(msgspec.Struct, frozen=True, kw_only=True, tag="exited"):
    """The process of `key` is gone: `code` as `subprocess` counts, negative for a signal."""

    key: str
    pid: int
    code: int


Order = Spawn | Signal | Guard
Report = Started | Ready | Failed | Exited


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        yield from lines


def encode(message: Order | Report) -> bytes:
    """Return `message` as one line."""
    return msgspec.json.encode(message) + b"\n"


_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def decode_order(line: bytes) -> Order:
    """Read an order."""
    return _orders.decode(line)


def decode_report(line: bytes) -> Report:
    """Read a report."""
    return _reports.decode(line)
