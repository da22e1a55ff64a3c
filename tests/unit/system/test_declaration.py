"""A system's declaration is checked where it stands."""

from __future__ import annotations

import pytest

from atoll.core import DeclarationError
from atoll.system import Invariant, Program, System
from tests.unit.system.shapes import DeskService, Stock, StockService, pair, paper_stock


def test_a_system_knows_its_services_by_the_names_of_their_contracts() -> None:
    assert dict(pair.by_name) == {"stock": StockService, "desk": DeskService}
    assert [each.name for each in pair.contracts] == ["stock", "desk"]


def test_a_program_is_found_under_its_name_in_capitals() -> None:
    assert Program("card-net", module="cards").variable == "CARD_NET_URL"


def test_a_dependency_nobody_implements_is_told_with_the_one_who_asks() -> None:
    with pytest.raises(DeclarationError, match="DeskService asks for Stock as 'stock', but no service of system 'one'"):
        System("one", services=[DeskService])


def test_a_provider_can_stand_in_for_a_service() -> None:
    assert System("one", services=[DeskService], providers=[paper_stock]).services == (DeskService,)


def test_two_services_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="two services or programs called 'stock'"):
        System("twice", services=[StockService, StockService])


def test_a_program_cannot_have_the_name_of_a_service() -> None:
    with pytest.raises(DeclarationError, match="two services or programs called 'stock'"):
        System("twice", services=[StockService], programs=[Program("stock", module="cards")])


@pytest.mark.parametrize("name", ["", "Shop", "my shop", "../shop", "7"])
def test_a_name_that_cannot_be_a_directory_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match="use lower-case letters, digits"):
        System(name, services=[StockService])


def test_a_system_without_services_is_refused() -> None:
    with pytest.raises(DeclarationError, match="has no services"):
        System("empty", services=[])


def test_a_class_that_is_no_service_is_refused_by_name() -> None:
    with pytest.raises(DeclarationError, match="int is not a service"):
        System("odd", services=[int])


def test_a_contract_is_not_a_service() -> None:
    with pytest.raises(DeclarationError, match="Stock is not a service; name a class"):
        System("odd", services=[Stock])


async def _nothing(_: object) -> list[str]:
    return []


def test_two_invariants_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="two invariants called 'money'"):
        System("odd", services=[StockService], invariants=[Invariant("money", _nothing)] * 2)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DeclarationError) as caught:
        System("Bad", services=[DeskService, int])
    assert str(caught.value).count("\n") == 2
