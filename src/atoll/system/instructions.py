"""What the process that runs a system may ask of its supervisor: JSON lines on the supervisor's standard input."""

from __future__ import annotations

import msgspec


class Hold(msgspec.Struct, frozen=True, kw_only=True, tag="hold"):
    """When the process called `name` ends, do not start it again before it is released."""

    name: str


class Release(msgspec.Struct, frozen=True, kw_only=True, tag="release"):
    """Start the process called `name` again, now if it has ended."""

    name: str


Instruction = Hold | Release

_decoder: msgspec.json.Decoder[Instruction] = msgspec.json.Decoder(Instruction)


def encode_instruction(instruction: Instruction) -> bytes:
    """Return `instruction` as one line."""
    return msgspec.json.encode(instruction) + b"\n"


def decode_instruction(line: bytes) -> Instruction:
    """Read an instruction from its JSON line."""
    return _decoder.decode(line)
