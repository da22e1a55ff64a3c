"""Instructions to the supervisor are lines."""

from __future__ import annotations

import pytest

from atoll.system.instructions import Hold, Instruction, Release, decode_instruction, encode_instruction


@pytest.mark.parametrize("instruction", [Hold(name="order-2"), Release(name="order-2")])
def test_an_instruction_is_one_line_and_comes_back(instruction: Instruction) -> None:
    line = encode_instruction(instruction)
    assert line.count(b"\n") == 1
    assert decode_instruction(line) == instruction
