from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from atoll.clients.keys import key_for
from atoll.contracts import spec_of
from atoll.core.context import Context, new_context
from tests.unit.clients.sample import Inventory

RESERVE = spec_of(Inventory).operation("reserve")
RELEASE = spec_of(Inventory).operation("release")


def keyed(key: str = "inbound") -> Context:
    return msgspec.structs.replace(new_context(), idempotency_key=key)


def test_without_an_inbound_key_each_call_gets_a_new_one() -> None:
    context = new_context()
    assert key_for(context, RESERVE, "/r", b"{}") != key_for(context, RESERVE, "/r", b"{}")


@given(st.text(min_size=1), st.text(), st.text())
def test_a_repeated_command_makes_its_calls_under_the_same_keys(key: str, target: str, body: str) -> None:
    first, again = (key_for(keyed(key), RESERVE, target, body.encode("utf-8", "replace")) for _ in range(2))
    assert first == again


def test_the_inbound_key_itself_is_never_passed_on() -> None:
    assert key_for(keyed(), RESERVE, "/r", b"{}") != "inbound"


def test_calls_with_other_arguments_have_other_keys() -> None:
    keys = {key_for(keyed(), RESERVE, "/r", body) for body in (b"1", b"2")}
    assert len(keys | {key_for(keyed(), RESERVE, "/s", b"1")}) == 3


def test_calls_of_other_operations_have_other_keys() -> None:
    assert key_for(keyed(), RESERVE, "/r", b"") != key_for(keyed(), RELEASE, "/r", b"")


def test_calls_under_other_inbound_keys_have_other_keys() -> None:
    assert key_for(keyed("a"), RESERVE, "/r", b"") != key_for(keyed("b"), RESERVE, "/r", b"")
