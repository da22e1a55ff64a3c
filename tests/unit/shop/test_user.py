from __future__ import annotations

import pytest

from shop.contracts.user import AccountNotFound, Register, UserCreated, UserEmailUpdated, UserErased
from shop.services.user import domain
from tests.unit.shop.making import account


def customer() -> domain.Customer:
    """A customer whose account has begun."""
    begun = domain.Customer()
    begun.apply(domain.creation(account(), "web"))
    return begun


def test_an_address_has_one_form_however_it_is_written() -> None:
    assert domain.normal_email("  Ann@Example.ORG ") == "ann@example.org"


def test_an_account_is_what_was_asked_for_tidied() -> None:
    request = Register(email="Ann@Example.org", credential="x" * 20, name=" Ann ", country="GB")
    opened = domain.open_account(request, user_id="u1", now=5.0)
    assert (opened.email, opened.name, opened.created_at, opened.revision) == ("ann@example.org", "Ann", 5.0, 1)


def test_an_account_is_told_by_the_event_that_it_begins_with() -> None:
    assert isinstance(domain.creation(account(), "web"), UserCreated)
    assert customer().account == account()


def test_another_address_is_another_revision() -> None:
    moved = customer()
    decided = moved.move("New@example.org")
    assert decided is not None
    assert decided == UserEmailUpdated(user_id="u1", email="new@example.org", previous="u1@example.org")
    moved.apply(decided)
    assert (moved.account.email, moved.account.revision) == ("new@example.org", 2)


def test_the_same_address_decides_nothing() -> None:
    assert customer().move(account().email.upper()) is None


def test_who_is_erased_is_nobody_and_stays_so() -> None:
    gone = customer()
    decided = UserErased(user_id="u1", reason="privacy")
    assert gone.erase("privacy") == decided
    gone.apply(decided)
    assert (gone.account.email, gone.account.name, gone.account.erased) == ("(erased)", "(erased)", True)
    assert gone.erase("privacy") is None
    with pytest.raises(AccountNotFound):
        gone.move("new@example.org")
