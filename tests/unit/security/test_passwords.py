from __future__ import annotations

import argon2
import pytest

from atoll.security import UnusableHash, hash_password, needs_rehash, passwords, verify_password


async def test_a_password_matches_its_own_hash() -> None:
    assert await verify_password("correct horse", await hash_password("correct horse"))


async def test_another_password_does_not_match() -> None:
    assert not await verify_password("battery staple", await hash_password("correct horse"))


async def test_a_hash_has_the_parameters_of_owasp() -> None:
    assert (await hash_password("x")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_the_same_password_is_salted_anew() -> None:
    assert await hash_password("x") != await hash_password("x")


async def test_the_two_unicode_spellings_of_a_letter_are_one_password() -> None:
    assert await verify_password("caf\N{LATIN SMALL LETTER E WITH ACUTE}", await hash_password("cafe\u0301"))


async def test_a_lone_surrogate_is_a_password_like_any_other() -> None:
    assert await verify_password("\ud800", await hash_password("\ud800"))


async def test_an_account_that_is_not_there_matches_no_password() -> None:
    assert not await verify_password("x", None)


def test_refusing_an_unknown_account_costs_as_much_as_refusing_a_known_one() -> None:
    assert not needs_rehash(passwords._DECOY)


async def test_a_hash_of_today_needs_no_rehash() -> None:
    assert not needs_rehash(await hash_password("x"))


async def test_a_hash_with_weaker_parameters_still_matches_and_asks_for_a_rehash() -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x")
    assert await verify_password("x", old)
    assert needs_rehash(old)


@pytest.mark.parametrize("stored", ["", "x", "$2b$12$abcdefg", "$argon2id$v=19$m=19456,t=2,p=1$!!$??"])
async def test_a_stored_value_that_is_no_hash_is_told_apart_from_a_wrong_password(stored: str) -> None:
    with pytest.raises(UnusableHash):
        await verify_password("x", stored)


def test_asking_whether_a_value_that_is_no_hash_needs_a_rehash_is_an_error() -> None:
    with pytest.raises(UnusableHash):
        needs_rehash("plain text")
