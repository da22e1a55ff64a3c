"""MODULE:SYSTEM finds a system, and says in one sentence why it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.system import System, load_system
from atoll.system.errors import UnknownSystem
from atoll.system.target import default_target, target_of
from tests.unit.system.shapes import StockService, pair

HERE = "tests.unit.system.shapes"


def refusal(target: str) -> str:
    with pytest.raises(UnknownSystem) as caught:
        load_system(target)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_system_is_loaded_by_module_and_name() -> None:
    assert load_system(f"{HERE}:pair") is pair


def test_a_loaded_system_can_be_named_again() -> None:
    assert load_system(target_of(pair)) is pair


def test_a_system_that_is_in_no_module_cannot_be_named() -> None:
    with pytest.raises(UnknownSystem, match="in no module"):
        target_of(System("lost", services=[StockService]))


@pytest.mark.parametrize("target", ["shop", "shop:", ":shop", "a b:c", "shop.system:shop:x"])
def test_what_is_not_module_and_name_is_told_with_an_example(target: str) -> None:
    assert "write MODULE:SYSTEM, for example shop.system:shop" in refusal(target)


def test_a_missing_module_is_named() -> None:
    assert "there is no module nowhere_at_all" in refusal("nowhere_at_all:shop")


def test_a_missing_name_is_told_with_those_there_are() -> None:
    assert refusal(f"{HERE}:shop").endswith(f"has no 'shop'; {HERE} declares pair")


def test_something_else_than_a_system_is_told_with_its_type() -> None:
    assert "StockService is not a System; " in refusal(f"{HERE}:StockService")


def test_a_module_that_fails_is_told_with_its_error_and_place(written: Path) -> None:
    (written / "broken_one.py").write_text("x = 1\ny = x.nothing\n")
    assert refusal("broken_one:shop") == (
        "broken_one cannot be imported: AttributeError: 'int' object has no attribute 'nothing' (broken_one.py, line 2)"
    )


def test_a_module_with_a_syntax_error_is_told_with_its_line(written: Path) -> None:
    (written / "broken_two.py").write_text("x = 1\ndef f(:\n")
    assert "SyntaxError" in (said := refusal("broken_two:shop"))
    assert said.endswith("(broken_two.py, line 2)")


def test_a_module_that_lacks_another_is_not_called_missing_itself(written: Path) -> None:
    (written / "broken_three.py").write_text("import nowhere_at_all\n")
    assert "broken_three cannot be imported: ModuleNotFoundError" in refusal("broken_three:shop")


def test_a_wrong_declaration_is_told_in_its_own_words(written: Path) -> None:
    (written / "broken_four.py").write_text("from atoll.system import System\nshop = System('s', services=[])\n")
    assert refusal("broken_four:shop") == "system 's' has no services; name at least one"


def test_the_default_stands_in_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.atoll]\nsystem = "shop.system:shop"\n')
    assert default_target(tmp_path) == "shop.system:shop"


@pytest.mark.parametrize("text", ["", "[tool]\n", "tool = 1\n", "[tool.atoll]\nsystem = 1\n"])
def test_a_pyproject_that_names_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UnknownSystem, match="does not say which system is meant"):
        default_target(tmp_path)


def test_a_missing_pyproject_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownSystem, match=r"there is no pyproject\.toml here"):
        default_target(tmp_path)


def test_a_broken_pyproject_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool")
    with pytest.raises(UnknownSystem, match="cannot be read"):
        default_target(tmp_path)
