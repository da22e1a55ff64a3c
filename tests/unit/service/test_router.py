"""Routing is pure: method and path in, route out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core.errors import DeclarationError
from atoll.service.errors import MethodNotAllowed, NotFound
from atoll.service.router import Router

SEGMENT = st.text("abcdef0123456789-%", min_size=1, max_size=8)


def test_a_literal_segment_wins_over_a_hole() -> None:
    router = Router([("GET", "/orders/{id}", "one"), ("GET", "/orders/mine", "mine")])
    assert router.match("GET", "/orders/mine").target == "mine"
    assert router.match("GET", "/orders/7") == ("one", "/orders/{id}", {"id": "7"})


def test_a_literal_that_leads_nowhere_falls_back_to_the_hole() -> None:
    router = Router([("GET", "/a/b/x", "literal"), ("GET", "/a/{id}/y", "hole")])
    assert router.match("GET", "/a/b/y").parameters == {"id": "b"}


def test_holes_of_different_names_in_one_place_keep_their_names() -> None:
    router = Router([("GET", "/a/{x}", "get"), ("DELETE", "/a/{y}", "delete")])
    assert router.match("DELETE", "/a/1").parameters == {"y": "1"}


def test_an_unknown_path_is_not_found() -> None:
    with pytest.raises(NotFound, match="nothing at /b"):
        Router([("GET", "/a", "a")]).match("GET", "/b")


def test_an_empty_segment_fills_no_hole() -> None:
    with pytest.raises(NotFound):
        Router([("GET", "/a/{id}", "a")]).match("GET", "/a/")


def test_a_wrong_method_tells_which_ones_are_right() -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        Router([("GET", "/a", "a"), ("POST", "/a", "b")]).match("PUT", "/a")
    assert raised.value.headers == {"allow": "GET, POST"}


def test_head_is_answered_where_get_is() -> None:
    assert Router([("GET", "/a", "a")]).match("HEAD", "/a").target == "a"


def test_the_same_route_twice_is_a_mistake_that_is_told() -> None:
    with pytest.raises(DeclarationError, match="two routes for GET"):
        Router([("GET", "/a/{x}", "a"), ("GET", "/a/{y}", "b")])


@given(st.lists(SEGMENT, min_size=1, max_size=5))
def test_a_path_of_holes_takes_any_segments(segments: list[str]) -> None:
    template = "".join(f"/{{p{place}}}" for place in range(len(segments)))
    match = Router([("GET", template, "all")]).match("GET", "/" + "/".join(segments))
    assert list(match.parameters.values()) == segments
