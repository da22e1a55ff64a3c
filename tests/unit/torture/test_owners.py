"""Which service a request is for."""

from __future__ import annotations

import pytest

from atoll.torture.owners import owners_of
from tests.integration.torture.till import till
from tests.unit.torture.examples import attempt


@pytest.mark.parametrize(
    ("path", "service"), [("/sales", "till"), ("/sales?x=1", "till"), ("/totals", ""), ("/nowhere", "")]
)
def test_a_request_is_for_the_service_whose_public_operation_it_names(path: str, service: str) -> None:
    assert owners_of(till)(attempt(0.0, 1.0, path=path)) == service
