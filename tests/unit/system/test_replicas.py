"""Replicas are read, refused with a sentence, and numbered the same at every start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import DeclarationError
from atoll.system import Program, System
from atoll.system.errors import WrongReplicas
from atoll.system.replicas import check_replicas, label_of, parse_replicas, slots, text_of
from tests.unit.system.shapes import StockService, pair

names = st.text("abcxyz-09", min_size=1, max_size=8)


@given(st.dictionaries(names, st.integers(0, 100)))
def test_what_was_written_is_what_is_read(replicas: dict[str, int]) -> None:
    assert parse_replicas(text_of(replicas)) == replicas


def test_spaces_and_an_empty_end_do_no_harm() -> None:
    assert parse_replicas(" order = 3, payment=2, ") == {"order": 3, "payment": 2}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("order", "'order' does not say how many of which service; write --replicas order=3"),
        ("=3", "'=3' does not say how many of which service; write --replicas order=3"),
        ("order=", "'order=' does not say how many of which service; write --replicas order=3"),
        ("order=two", "'two' is no number of replicas of order; write one, as in order=3"),
        ("order=-1", "'-1' is no number of replicas of order; write one, as in order=3"),
        ("order=2.5", "'2.5' is no number of replicas of order; write one, as in order=3"),
        ("order=2,order=3", "order is in --replicas twice; say once how many there are to be"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(WrongReplicas) as caught:
        parse_replicas(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("replicas", "sentence"),
    [
        ({"tock": 2}, "'tock' is no service to replicate; there are desk, stock"),
        ({"card-net": 2}, "'card-net' is a program, and only services have replicas; there are desk, stock"),
        ({"stock": 0}, "stock cannot have 0 replicas; give it 1 to 64"),
        ({"stock": 1000}, "stock cannot have 1000 replicas; give it 1 to 64"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(replicas: dict[str, int], sentence: str) -> None:
    with pytest.raises(WrongReplicas) as caught:
        check_replicas(pair, replicas)
    assert str(caught.value) == sentence


def test_services_in_one_process_have_no_replicas() -> None:
    with pytest.raises(WrongReplicas, match="--single runs all services in one process"):
        check_replicas(pair, {"stock": 2}, single=True)
    check_replicas(pair, {}, single=True)


def test_a_replica_is_not_called_as_something_else_is() -> None:
    taken = System("odd", services=[StockService], programs=[Program("stock-2", module="cards")])
    with pytest.raises(WrongReplicas, match="a replica of stock would be called stock-2, as something else is"):
        check_replicas(taken, {"stock": 2})
    check_replicas(taken, {"stock": 1})


def test_a_declaration_with_wrong_replicas_is_refused() -> None:
    with pytest.raises(DeclarationError, match="'tock' is no service to replicate; there are stock"):
        System("odd", services=[StockService], replicas={"tock": 2})


def test_an_only_process_has_the_name_of_its_service_and_replicas_are_numbered_from_one() -> None:
    assert [label_of("order", slot) for slot in slots(1)] == ["order"]
    assert [label_of("order", slot) for slot in slots(3)] == ["order-1", "order-2", "order-3"]
