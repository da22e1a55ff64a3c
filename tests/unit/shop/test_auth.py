from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.services.auth import domain
from shop.services.auth.domain import FREE_TRIES, LONGEST_WAIT, Credentials, RefreshToken, judge, wait_for


def credentials(failures: int, failed_at: float = 100.0) -> Credentials:
    return Credentials(user_id="u", password_hash="", failures=failures, failed_at=failed_at)


def token(*, used: bool = False, live: bool = True, expires_at: float = 100.0) -> RefreshToken:
    return RefreshToken(session_id="s", user_id="u", expires_at=expires_at, used=used, live=live)


def test_a_fresh_token_is_good() -> None:
    assert judge(token(), now=99.0) == "good"


def test_a_token_exchanged_before_is_stolen_goods() -> None:
    assert judge(token(used=True), now=99.0) == "reused"


@pytest.mark.parametrize("dead", [None, token(live=False), token(live=False, used=True), token(expires_at=99.0)])
def test_an_unknown_ended_or_expired_token_is_dead(dead: RefreshToken | None) -> None:
    assert judge(dead, now=99.0) == "dead"


@pytest.mark.parametrize("failures", range(FREE_TRIES))
def test_the_first_wrong_passwords_cost_no_waiting(failures: int) -> None:
    assert wait_for(credentials(failures), now=100.0) == 0.0


@given(st.integers(min_value=FREE_TRIES, max_value=10_000))
def test_each_further_one_costs_more_up_to_a_limit(failures: int) -> None:
    now, later = wait_for(credentials(failures), 100.0), wait_for(credentials(failures + 1), 100.0)
    assert 0.0 < now <= later <= LONGEST_WAIT


def test_the_wait_runs_from_the_last_failure_and_ends() -> None:
    owner = credentials(FREE_TRIES + 3)
    assert [wait_for(owner, now) for now in (100.0, 105.0, 108.0, 999.0)] == [8.0, 3.0, 0.0, 0.0]


def test_a_digest_hides_the_secret_and_knows_it_again() -> None:
    secret = domain.new_secret()
    assert secret not in domain.digest(secret)
    assert domain.digest(secret) == domain.digest(secret) != domain.digest(domain.new_secret())
