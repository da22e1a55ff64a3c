"""Path templates: what they match, their order, and which covers which."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.gateway.paths import canonical, covers, has_holes, pattern, precedence

segments = st.text("ab.-{}()[]*+?^$|\\", min_size=1, max_size=4).filter(lambda text: not has_holes(text))
holes = st.sampled_from(["{id}", "{sku}", "{other_id}"])
templates = st.lists(segments | holes, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(templates, st.text("xy-%.", min_size=1, max_size=5))
def test_a_template_matches_itself_with_its_holes_filled(template: str, value: str) -> None:
    path = re.sub(r"\{[^{}]*\}", lambda _: value, template)
    assert re.fullmatch(pattern(template), path)


@given(templates)
def test_a_hole_takes_neither_nothing_nor_a_slash(template: str) -> None:
    filled = [re.sub(r"\{[^{}]*\}", value, template) for value in ("", "a/b")]
    assert [bool(re.fullmatch(pattern(template), path)) for path in filled] == [not has_holes(template)] * 2


@given(segments, segments)
def test_characters_of_expressions_stand_for_themselves(first: str, second: str) -> None:
    assert (re.fullmatch(pattern(f"/{first}"), f"/{second}") is not None) == (first == second)


@given(st.lists(templates, min_size=1, max_size=6))
def test_of_two_templates_for_one_path_the_sooner_literal_comes_first(found: list[str]) -> None:
    ordered = sorted(found, key=precedence)
    for index, first in enumerate(ordered):
        for second in ordered[index + 1 :]:
            assert covers(second, first) or not covers(first, second) or canonical(first) == canonical(second)


@given(templates)
def test_a_template_covers_itself(template: str) -> None:
    assert covers(template, template)


@pytest.mark.parametrize(
    ("general", "special", "expected"),
    [
        ("/a/{x}", "/a/b", True),
        ("/a/{x}", "/a/{y}", True),
        ("/a/b", "/a/{x}", False),
        ("/a/{x}", "/a/b/c", False),
        ("/{x}/b", "/a/{y}", False),
        ("/{x}.json", "/a.json", True),
        ("/{x}.json", "/a.yaml", False),
    ],
)
def test_a_template_covers_those_whose_paths_are_all_its_own(general: str, special: str, expected: bool) -> None:
    assert covers(general, special) is expected


def test_names_of_holes_do_not_matter() -> None:
    assert canonical("/orders/{order_id}/lines/{sku}") == canonical("/orders/{a}/lines/{b}") == "/orders/{}/lines/{}"
