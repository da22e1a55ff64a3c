"""What a platform says while it starts, runs and stops; the same records for a terminal, a pipe and a test."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from atoll.system.state import State


class Step(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """A part of the start or stop: `done` of `total`; the last one has them equal."""

    name: str
    done: int
    total: int


class Note(msgspec.Struct, frozen=True, kw_only=True, tag="note"):
    """Something a person should know, in one sentence."""

    text: str


class Up(msgspec.Struct, frozen=True, kw_only=True, tag="up"):
    """The system is ready, `seconds` after the start."""

    seconds: float
    state: State


class Down(msgspec.Struct, frozen=True, kw_only=True, tag="down"):
    """Everything has stopped."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """The system cannot run, for this reason; nothing is left running."""

    text: str
    exit_code: int


Progress = Step | Note | Up | Down | Refusal
Report = Callable[[Progress], None]

_decoder: msgspec.json.Decoder[Progress] = msgspec.json.Decoder(Progress)


def decode_progress(line: bytes) -> Progress:
    """Read a record from its JSON line."""
    return _decoder.decode(line)
