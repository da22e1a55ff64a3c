"""Logs are read from their ends, merged by time, and made readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.cli.errors import UsageError
from atoll.cli.logs import Tail, fields_of_line, show_logs
from atoll.system import StateDirectory
from atoll.system.errors import NotRunning


def line(ts: float, message: str, service: str = "order") -> str:
    return f'{{"ts":{ts},"level":"INFO","service":"{service}","msg":"{message}"}}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = StateDirectory(tmp_path, "shop")
    directory.prepare()
    directory.lock()
    directory.close()
    directory.log("order").write_text(line(1, "one") + line(3, "three") + "Traceback\n")
    directory.log("user").write_text(line(2, "two", "user") + "plain\n")
    return tmp_path


def shown(root: Path, capsys: pytest.CaptureFixture[str], service: str = "", lines: int = 9, raw: bool = False) -> str:
    show_logs(root, "", service, lines=lines, follow=False, raw=raw)
    return capsys.readouterr().out


def test_lines_of_all_are_merged_by_time(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [text.split()[-1] for text in shown(root, capsys).splitlines()]
    assert words == ["one", "two", "plain", "three", "Traceback"]


def test_the_log_of_a_service_is_that_of_all_its_replicas(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = StateDirectory(root, "shop")
    directory.log("user-1").write_text(line(4, "four", "user"))
    directory.log("user-2").write_text(line(5, "five", "user"))
    directory.log("user-agent").write_text(line(6, "six", "user-agent"))
    assert [text.split()[-1] for text in shown(root, capsys, "user").splitlines()] == ["two", "plain", "four", "five"]
    assert [text.split()[-1] for text in shown(root, capsys, "user-2").splitlines()] == ["five"]


def test_json_lines_are_made_readable(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first, *_) = shown(root, capsys, "order").splitlines()
    assert first.split()[1:] == ["INFO", "order", "one"]


def test_a_plain_line_says_whose_it_is_when_there_are_several(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "user: plain" in shown(root, capsys).splitlines()
    assert "plain" in shown(root, capsys, "user").splitlines()


def test_the_gateways_lines_are_read_too() -> None:
    text = '{"time":"2026-11-22T15:30:19.500Z","level":"info","service":"gateway","message":"GET /a 200","flags":"-"}'
    fields = fields_of_line(text)
    assert fields
    assert (fields["ts"], fields["msg"], fields["level"]) == (1795361419.5, "GET /a 200", "INFO")


@pytest.mark.parametrize("text", ["", "plain", "[1]", "{}", '{"ts":"x"}', '{"time":"x","message":""}', '{"time":7}'])
def test_other_lines_are_not(text: str) -> None:
    assert fields_of_line(text) is None


def test_raw_lines_stay_as_they_are(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(root, capsys, "order", raw=True).splitlines()[0] == line(1, "one").strip()


def test_only_the_last_lines_are_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(root, capsys, "order", lines=1) == "Traceback\n"
    assert shown(root, capsys, "order", lines=0) == ""


def test_an_unknown_name_is_told_with_those_there_are(root: Path) -> None:
    with pytest.raises(UsageError, match="there is no log of 'x'; there are order, user"):
        show_logs(root, "", "x", lines=1, follow=False, raw=False)


def test_where_nothing_ran_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no system ever ran here"):
        show_logs(tmp_path, "", "", lines=1, follow=False, raw=False)


def test_a_tail_goes_on_with_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("a\nb\nc")
    tail = Tail(path, 1)
    assert tail.past() == ["b"]
    with path.open("a") as file:
        file.write("c\nd\n")
    assert (tail.fresh(), tail.fresh()) == (["cc", "d"], [])


def test_a_tail_begins_again_when_its_file_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("a long line\n")
    tail = Tail(path, 9)
    tail.past()
    path.write_text("new\n")
    assert tail.fresh() == ["new"]


def test_a_tail_waits_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "a.log", 9)
    assert tail.past() == []
    (tmp_path / "a.log").write_text("a\n")
    assert tail.fresh() == ["a"]
