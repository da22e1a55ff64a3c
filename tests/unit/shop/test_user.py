from __future__ import annotations

from shop.contracts.user import Register
from shop.services.user import domain
from tests.unit.shop.making import account


def test_an_address_has_one_form_however_it_is_written() -> None:
    assert domain.normal_email("  Ann@Example.ORG ") == "ann@example.org"


def test_an_account_is_what_was_asked_for_tidied() -> None:
    request = Register(email="Ann@Example.org", credential="x" * 20, name=" Ann ", country="GB")
    opened = domain.open_account(request, user_id="u1", now=5.0)
    assert (opened.email, opened.name, opened.created_at, opened.revision) == ("ann@example.org", "Ann", 5.0, 1)


def test_another_address_is_another_revision() -> None:
    changed = domain.with_email(account(), "New@example.org")
    assert (changed.email, changed.revision) == ("new@example.org", 2)


def test_the_same_address_changes_nothing() -> None:
    before = account()
    assert domain.with_email(before, before.email.upper()) is before
