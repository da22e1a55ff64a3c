from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shop.services.catalog import domain


def test_words_are_found_by_their_beginning_whatever_their_case() -> None:
    searched = domain.words("Norrland Chef's Knife 20 cm", "Kitchen")
    assert all(f" {term}" in searched for term in domain.terms("KNI chef norr 20"))


def test_a_middle_of_a_word_is_not_found() -> None:
    assert " nife" not in domain.words("Knife")


@given(st.text(max_size=200))
def test_what_is_searched_for_never_holds_a_wildcard(text: str) -> None:
    assert all(mark not in term for term in domain.terms(text) for mark in "%_ '\"")


@given(st.text(max_size=2000))
def test_only_a_few_words_are_searched_for(text: str) -> None:
    assert len(domain.terms(text)) <= domain.MAX_WORDS


@given(st.integers(0, 1000), st.integers(1, 100))
def test_the_pages_hold_all_entries_and_no_page_is_empty_but_the_first(total: int, size: int) -> None:
    pages = domain.pages(total, size)
    assert pages * size >= total
    assert pages == 1 or (pages - 1) * size < total
