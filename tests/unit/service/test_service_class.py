from __future__ import annotations

import pytest

from atoll.core import DeclarationError
from atoll.service import Service
from tests.unit.contracts.library import Library


def test_a_service_that_lacks_operations_of_its_contract_is_told_which() -> None:
    told = "Half does not implement borrow, add, search, book of its contract"
    with pytest.raises(DeclarationError, match=told):

        class Half(Service, Library):
            async def give_back(self, loan_id: str) -> None: ...
