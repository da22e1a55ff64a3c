"""`atoll migrate`: what it prints, makes and refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from atoll.cli.app import main
from atoll.core.ids import new_id
from tests.unit.migrations.making import FIRST, SECOND, TOOLKIT_REVISIONS, columns, write

SYSTEM = """
from atoll.service import Service
from atoll.system import System

class OrderService(Service):
    name = "order"
    migrations = "migrations"

class MailService(Service):
    name = "mail"

shop = System("shop", services=[OrderService, MailService])
"""

Atoll = Callable[..., tuple[int, str, str]]


@pytest.fixture
def atoll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Atoll:
    """Run `atoll migrate` in a project whose service has one revision."""
    module = f"project_{new_id().replace('-', '')}"
    (tmp_path / f"{module}.py").write_text(SYSTEM)
    write(tmp_path / "migrations", 1, FIRST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ATOLL_DATABASE_URL", f"sqlite:///{tmp_path}/{{service}}.db")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["migrate", f"{module}:shop", *arguments])
        return code, *capsys.readouterr()

    return run


def test_it_brings_every_database_to_its_newest_revision(atoll: Atoll, tmp_path: Path) -> None:
    code, out, _ = atoll()
    assert code == 0
    assert columns(tmp_path / "order.db", "carts") == ["id"]
    order, mail = (line.split() for line in out.splitlines()[1:])
    assert order == ["order", f"{len(TOOLKIT_REVISIONS) + 1}", "applied", "0001", "made"]
    assert mail == ["mail", f"{len(TOOLKIT_REVISIONS)}", "applied", "made"]
    assert max(map(len, out.splitlines())) < 80


def test_check_only_looks_and_says_by_its_code_whether_something_is_missing(atoll: Atoll, tmp_path: Path) -> None:
    assert atoll("--check")[0] == 1
    assert columns(tmp_path / "order.db", "carts") == []
    atoll()
    assert atoll("--check")[0] == 0
    write(tmp_path / "migrations", 2, SECOND)
    code, out, _ = atoll("--check", "--service", "order")
    assert (code, out.splitlines()[1].split()[:3]) == (1, ["order", "behind", "0001"])
    assert "0001 → 0002" in atoll()[1]


def test_sql_is_printed_and_not_run(atoll: Atoll, tmp_path: Path) -> None:
    code, out, _ = atoll("--sql", "--service", "order")
    assert code == 0
    assert FIRST in out
    assert columns(tmp_path / "order.db", "carts") == []


def test_a_new_revision_is_made_in_the_services_folder(atoll: Atoll, tmp_path: Path) -> None:
    assert atoll("--new", "Gift notes", "--service", "order") == (0, "migrations/m0002_gift_notes.py\n", "")
    assert atoll()[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--service", "nobody"], "there is no service 'nobody'; there are mail, order"),
        (["--new", "x"], "a new revision is for one service; name it with --service"),
        (["--new", "x", "--service", "mail"], "mail has no migrations; give its class `migrations = "),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_sentence(atoll: Atoll, arguments: list[str], said: str) -> None:
    code, _, err = atoll(*arguments)
    assert code == 2
    assert err.startswith(f"atoll: {said}")
    assert err.count("\n") == 1


def test_without_a_database_url_it_says_which_setting_is_missing(atoll: Atoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATOLL_DATABASE_URL")
    code, _, err = atoll()
    assert (code, err.startswith("atoll: ATOLL_DATABASE_URL does not say which databases to migrate")) == (2, True)


def test_one_database_that_fails_does_not_keep_the_others_from_their_turn(atoll: Atoll, tmp_path: Path) -> None:
    (tmp_path / "order.db").write_bytes(b"no database" * 100)
    code, out, err = atoll()
    assert code == 1
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["order", "failed"],
        ["mail", f"{len(TOOLKIT_REVISIONS)}"],
    ]
    assert err.startswith("atoll: order: the SQLite database ")
    assert err.count("\n") == 1


def test_two_newest_revisions_are_told_with_their_files(atoll: Atoll, tmp_path: Path) -> None:
    write(tmp_path / "migrations", 2, SECOND, after="0001")
    write(tmp_path / "migrations", 3, SECOND, after="0001")
    code, _, err = atoll()
    assert code == 1
    assert "m0002_step.py and m0003_step.py both follow 0001; let one follow the other" in err
    assert "Traceback" not in err
