"""The tables of the reference say what the code says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from atoll.core import Settings
from atoll.core.errors import HTTP_STATUS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


class Recorded(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(key)
        return super().get(key, default)


def rows(page: str) -> Iterator[list[str]]:
    """The cells of a page's table rows that begin with code, without the marks."""
    for line in (REFERENCE / page).read_text("utf-8").splitlines():
        if line.startswith("| `"):
            yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def test_every_setting_is_in_the_reference() -> None:
    environ = Recorded()
    Settings.read(environ)
    assert [name for name, *_ in rows("settings.md")] == sorted(
        environ.asked, key=lambda name: list(Settings.__dataclass_fields__).index(_field(name))
    )


def test_every_setting_has_the_default_that_the_reference_tells() -> None:
    told = {name: default for name, default, _ in rows("settings.md")}
    assert told == {name: _written(getattr(Settings(), _field(name))) for name in told}


def test_every_code_has_the_status_that_the_reference_tells() -> None:
    told = {code: int(status) for code, status, *_ in rows("http.md") if status.isdigit()}
    assert told == HTTP_STATUS


def test_the_layers_are_drawn_as_they_are_held() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    held = next(each["layers"] for each in contracts if each["id"] == "layers")
    drawn = [line.strip("│ ") for line in page.splitlines() if line.startswith("│")]
    assert drawn == held


def _written(value: object) -> str:
    return ",".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _field(name: str) -> str:
    return name.removeprefix("ATOLL_").lower()
