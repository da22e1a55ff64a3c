"""The revision files of a folder are one line, or the reason why not is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.migrations import RevisionsWrong, part_of, read_revisions
from atoll.migrations.writing import write_revision
from tests.unit.migrations.making import FIRST, SECOND, write


def refused(folder: Path) -> str:
    with pytest.raises(RevisionsWrong) as caught:
        read_revisions(folder)
    return str(caught.value)


def test_revisions_are_read_in_order_without_being_run(tmp_path: Path) -> None:
    write(tmp_path, 2, SECOND, expands=True)
    first_file = write(tmp_path, 1, FIRST)
    first_file.write_text(f"{first_file.read_text()}\nraise SystemExit\n")
    first, second = read_revisions(tmp_path)
    assert (first.id, first.after, first.expands, first.about) == ("0001", None, False, "Step 1")
    assert (second.id, second.after, second.expands) == ("0002", "0001", True)


def test_two_revisions_that_follow_the_same_are_told(tmp_path: Path) -> None:
    write(tmp_path, 1, FIRST)
    write(tmp_path, 2, SECOND)
    write(tmp_path, 3, SECOND, after="0001")
    assert "m0002_step.py and m0003_step.py both follow 0001; let one follow the other" in refused(tmp_path)


def test_two_revisions_of_one_name_are_told(tmp_path: Path) -> None:
    write(tmp_path, 1, FIRST).rename(tmp_path / "m0001_other.py")
    write(tmp_path, 1, FIRST)
    assert "m0001_other.py and m0001_step.py both have the revision 0001" in refused(tmp_path)


def test_a_revision_that_follows_none_that_is_there_is_told(tmp_path: Path) -> None:
    write(tmp_path, 1, FIRST)
    write(tmp_path, 3, SECOND)
    assert "m0003_step.py follows '0002', but no file has that revision" in refused(tmp_path)


def test_a_file_that_is_no_python_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, 1, FIRST).write_text('revision = "0001"\ndown_revision = \n')
    assert "m0001_step.py, line 2 cannot be read: invalid syntax" in refused(tmp_path)


def test_a_file_without_a_revision_is_told(tmp_path: Path) -> None:
    write(tmp_path, 1, FIRST).write_text("x = 1\n")
    assert "m0001_step.py does not say which revision it is" in refused(tmp_path)


def test_a_missing_or_empty_folder_is_told_with_how_to_begin(tmp_path: Path) -> None:
    assert "make it with: atoll migrate --new MESSAGE" in refused(tmp_path / "none")
    with pytest.raises(RevisionsWrong, match="make one with: atoll migrate --service order --new MESSAGE"):
        part_of("order", tmp_path)


def test_a_revision_cannot_take_the_name_of_one_of_the_toolkits(tmp_path: Path) -> None:
    path = write(tmp_path, 1, FIRST)
    path.write_text(path.read_text().replace("0001", "saga_0001"))
    with pytest.raises(RevisionsWrong, match="saga_0001 is a revision of Atoll's own tables"):
        part_of("order", tmp_path)


def test_new_revisions_follow_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    assert write_revision(folder, "Carts, and what is in them.").name == "m0001_carts_and_what_is_in_them.py"
    write_revision(folder, "gift notes")
    first, second = read_revisions(folder)
    assert (first.about, second.about) == ("Carts, and what is in them", "Gift notes")
    assert (second.id, second.after, second.expands) == ("0002", "0001", True)


def test_a_new_revision_needs_a_description(tmp_path: Path) -> None:
    with pytest.raises(RevisionsWrong, match="describe it in a few words"):
        write_revision(tmp_path, "...")
