from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Protocol

import pytest

from atoll.contracts import contract, query, spec_of
from atoll.contracts.docs import content_security_policy, docs_page
from atoll.contracts.openapi import openapi
from tests.unit.contracts.library import Library

VOID = {"meta"}


@contract("evil")
class Evil(Protocol):
    """<script>alert(1)</script>"""

    @query("GET /evil")
    async def evil(self, text: str = "<b>'\"") -> str:
        """<img src=x onerror=alert(2)>"""
        ...


class Page(HTMLParser):
    """Reads a page: the tags it has, its ids and links, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.open += [tag] if tag not in VOID else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> set[str]:
        return {value or "" for each, value in self.attributes if each == name}


@pytest.fixture(scope="module")
def text() -> str:
    return docs_page(openapi([spec_of(Library)], title="library", version="1.2.0", gateway=True))


def test_every_tag_is_closed(text: str) -> None:
    assert Page(text).open == []


def test_the_page_shows_each_operation_its_problems_and_its_schemas(text: str) -> None:
    ids = Page(text).values("id")
    assert {"library.borrow", "library.search", "schema-Loan", "schema-NoCopyLeft"} <= ids
    assert "Every copy of this title is out." in text


def test_every_link_within_the_page_leads_somewhere(text: str) -> None:
    page = Page(text)
    inside = {each.removeprefix("#") for each in page.values("href") if each.startswith("#")}
    assert inside
    assert inside <= page.values("id")


def test_who_may_call_is_shown(text: str) -> None:
    assert "role: reader or librarian" in text
    assert '<span class="tag">token</span>' in text


def test_the_page_needs_nothing_else(text: str) -> None:
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "form"} & set(page.tags)
    assert not {"src", "style", "onclick"} & {name for name, _ in page.attributes}
    assert "url(" not in text


def test_the_policy_allows_the_pages_own_style_and_nothing_more(text: str) -> None:
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}';" in content_security_policy()


def test_nothing_of_a_contract_is_taken_for_html() -> None:
    page = Page(docs_page(openapi([spec_of(Evil)], title="<i>", version="<u>")))
    assert not {"script", "img", "b", "i", "u"} & set(page.tags)
