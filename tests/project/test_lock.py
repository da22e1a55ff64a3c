"""requirements.lock is what the two pyproject files ask for, and would install anywhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
ENTRIES = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
LOCKED = {(entry[1], entry[2]) for each in ENTRIES if (entry := re.match(r"([a-z0-9.-]+)==(\S+)", each))}
OWN = {"atoll", "shop"}


def project(folder: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))


def requirements() -> Iterator[Requirement]:
    for file in (project("."), project("examples/shop")):
        yield from map(Requirement, file["project"]["dependencies"])
        for extra in file["project"].get("optional-dependencies", {}).values():
            yield from map(Requirement, extra)
        yield from map(Requirement, file.get("dependency-groups", {}).get("dev", ()))


@pytest.mark.parametrize("asked", [each for each in requirements() if each.name not in OWN], ids=str)
def test_the_lock_has_what_is_asked_for(asked: Requirement) -> None:
    versions = [version for name, version in LOCKED if name == asked.name.lower()]
    assert versions
    assert all(map(asked.specifier.contains, versions))


def test_every_locked_version_has_hashes() -> None:
    assert len(ENTRIES) == len(LOCKED)
    assert all("--hash=sha256:" in each for each in ENTRIES)


def test_the_lock_names_no_index_and_no_path() -> None:
    assert not re.search(r"://|--index|--find-links|^-e|file:|^/", LOCK, re.MULTILINE)


def test_a_dependency_is_bound_below_and_not_above() -> None:
    operators = {each.operator for asked in requirements() for each in asked.specifier}
    assert operators == {">="}


def test_the_example_needs_no_version_that_the_toolkit_does_not_allow() -> None:
    assert project("examples/shop")["project"]["requires-python"] == project(".")["project"]["requires-python"]
