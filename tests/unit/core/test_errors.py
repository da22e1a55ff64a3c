from __future__ import annotations

import pytest

from atoll.core import AtollError, DeadlineExceeded, DeclarationError, SettingsError
from atoll.core.errors import HTTP_STATUS, http_status


@pytest.mark.parametrize(("code", "status"), HTTP_STATUS.items())
def test_a_code_has_the_status_of_the_table(code: str, status: int) -> None:
    assert http_status(code) == status


def test_a_code_that_is_not_in_the_table_is_an_internal_error() -> None:
    assert http_status("settings") == 500


def test_every_status_of_the_table_is_that_of_an_error() -> None:
    assert all(400 <= status <= 599 for status in HTTP_STATUS.values())


@pytest.mark.parametrize("error", [DeadlineExceeded, DeclarationError, SettingsError])
def test_every_error_of_core_can_be_caught_as_one(error: type[AtollError]) -> None:
    assert issubclass(error, AtollError)


def test_a_passed_deadline_may_be_tried_again() -> None:
    assert (DeadlineExceeded.retryable, DeclarationError.retryable) == (True, False)


def test_the_message_of_a_settings_error_lists_every_problem() -> None:
    assert str(SettingsError(["one is wrong", "two is wrong"])) == "one is wrong\ntwo is wrong"
