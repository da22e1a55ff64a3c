"""Every mistake on the command line is one plain sentence and an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll import __version__
from atoll.cli import main

PAIR = "tests.integration.system.pair:pair"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(arguments)
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return code, text


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"atoll {__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in ("up", "ps", "logs", "call", "sagas", "deadletters", "export", "version"):
        assert f"\n  {command} " in text
    assert "..." not in text.partition("Commands:")[2]


@pytest.mark.parametrize("arguments", [["frob"], ["up", "--port"], ["logs", "--lines", "x"], ["up", "-p", "0"]])
def test_wrong_usage_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, text = said(capsys, *arguments)
    assert code == 2
    assert "Error:" in text


@pytest.mark.parametrize("target", ["nowhere:shop", "shop", f"{PAIR}s", "atoll.cli:main"])
def test_an_unknown_system_is_told(capsys: pytest.CaptureFixture[str], target: str) -> None:
    code, text = said(capsys, "up", target)
    assert (code, text.count("\n")) == (2, 1)


def test_no_system_at_all_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "up")
    assert (code, "there is no pyproject.toml here" in text) == (2, True)


@pytest.mark.parametrize(
    "arguments", [["ps"], ["call", "a.b"], ["sagas"], ["sagas", "show", "id"], ["deadletters"], ["logs"]]
)
def test_that_nothing_runs_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, text = said(capsys, *arguments)
    assert code == 1
    assert text.startswith("atoll: no")
    assert text.endswith("atoll up MODULE:SYSTEM\n")


def test_a_damaged_state_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / ".atoll/pair").mkdir(parents=True)
    (tmp_path / ".atoll/pair/state.json").write_text("{")
    code, text = said(capsys, "up", PAIR)
    assert (code, "state.json is damaged" in text) == (1, True)


def test_the_gateways_document_is_written(tmp_path: Path) -> None:
    assert main(["export", "openapi", "--from", PAIR, "--out", "api.json"]) == 0
    assert '"/counts/{name}"' in (tmp_path / "api.json").read_text()


def test_one_services_document_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "asyncapi", "--from", PAIR, "--service", "desk"]) == 0
    assert "tests.pair.Counted.v1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["soap"], "'soap' cannot be exported; there are openapi, asyncapi"),
        (["openapi", "--service", "x"], "there is no service 'x'; there are counter, desk"),
        (["openapi", "--out", "no/such/directory.json"], "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_exported_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    code, spoken = said(capsys, "export", *arguments, "--from", PAIR)
    assert code == 2
    assert text in spoken
