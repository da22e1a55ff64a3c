"""What `atoll torture` may be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.cli import main
from atoll.cli.errors import UsageError
from atoll.cli.torture import kinds_of
from atoll.torture import KINDS


def test_no_kinds_are_all_kinds() -> None:
    assert list(kinds_of("")) == list(KINDS)


def test_kinds_are_a_list_in_any_order() -> None:
    assert list(kinds_of("cut, kill")) == ["kill", "cut"]


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="'fire' is no kind of fault; there are kill, down, stop, broker"):
        kinds_of("kill,fire")


def test_a_report_that_could_not_be_written_is_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "missing" / "report.json"
    assert main(["torture", "tests.integration.torture.till:till", "--json", str(file)]) == 2
    assert f"{file} cannot be written, because there is no directory" in capsys.readouterr().err


def test_a_system_without_a_load_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["torture", "tests.integration.system.pair:pair"]) == 2
    assert "pair declares no load; write System('pair', ..., load=...)" in capsys.readouterr().err
