"""Envoy's own errors as problem documents."""

from __future__ import annotations

from typing import Any

import pytest

from atoll.core.errors import HTTP_STATUS
from atoll.gateway.render.problems import local_replies

MAPPERS: list[dict[str, Any]] = local_replies()["mappers"]
DOCUMENTS = [each["body_format_override"]["json_format"] for each in MAPPERS if "status_code" in each]
BY_STATUS = {each.get("status_code"): each for each in MAPPERS if "status_code_filter" in each["filter"]}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: f"{each['status']} {each['code']}")
def test_every_document_has_the_members_a_client_counts_on(document: dict[str, Any]) -> None:
    assert set(document) == {"type", "title", "status", "detail", "code"}
    assert document["detail"].endswith(".")


@pytest.mark.parametrize(
    "code", ["unauthenticated", "forbidden", "not_found", "too_large", "rate_limited", "unavailable"]
)
def test_a_code_means_the_same_as_in_a_service(code: str) -> None:
    mapper = BY_STATUS[HTTP_STATUS[code]]
    assert mapper["body_format_override"]["json_format"]["code"] == code


def test_no_text_of_envoy_reaches_a_caller() -> None:
    assert not [each for each in DOCUMENTS if "%" in "".join(map(str, each.values()))]


def test_a_status_that_is_not_listed_is_a_problem_too() -> None:
    last = MAPPERS[-1]
    assert last["filter"]["status_code_filter"]["comparison"]["op"] == "GE"
    assert last["body_format_override"]["content_type"] == "application/problem+json"


def test_special_cases_are_looked_at_before_the_status_alone() -> None:
    kinds = ["extension_filter" in each["filter"] for each in MAPPERS]
    assert kinds == sorted(kinds, reverse=True)
