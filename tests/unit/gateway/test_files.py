"""Files moved into place, and the log read for people."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from atoll.gateway.files import last_words, write_files
from atoll.gateway.render import File


def line(level: str, message: str) -> str:
    return f'{{"level":"{level}","message":"{message}"}}\n'


def test_a_file_is_replaced_whole_by_a_move(tmp_path: Path) -> None:
    target = tmp_path / "eds" / "shop.json"
    write_files(tmp_path, [File(path="eds/shop.json", content=b"old")])
    before = target.stat().st_ino
    write_files(tmp_path, [File(path="eds/shop.json", content=b"new")])
    assert (target.read_bytes(), target.stat().st_ino == before) == (b"new", False)


def test_nothing_unfinished_is_left_behind(tmp_path: Path) -> None:
    write_files(tmp_path, [File(path="cds.json", content=b"{}")])
    assert [each.name for each in tmp_path.iterdir()] == ["cds.json"]


def test_the_last_words_are_warnings_and_errors(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("info", "starting") + line("critical", "cannot bind") + line("INFO", "GET /a 200"))
    assert last_words(log) == ("cannot bind",)


def test_what_is_no_json_is_told_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Unknown argument: --x\n")
    assert last_words(log) == ("Unknown argument: --x",)


def test_only_what_was_said_since_counts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("error", "before"))
    assert last_words(log, since=log.stat().st_size) == ()


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == ()


def test_of_a_long_line_begin_and_end_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("error", "rejected: " + "x" * 1000 + " PortValue"))
    (word,) = last_words(log)
    assert (len(word) < 420, word[:9], word[-9:]) == (True, "rejected:", "PortValue")


@given(st.lists(st.text(max_size=30), max_size=10))
def test_the_last_words_are_at_most_three_single_lines(said: list[str]) -> None:
    with TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        log.write_text("\n".join(said))
        words = last_words(log)
    assert len(words) <= 3
    assert not [each for each in words if "\n" in each]
