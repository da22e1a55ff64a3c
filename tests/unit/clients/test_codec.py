from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.clients import UnexpectedReply
from atoll.clients.codec import Codec
from atoll.contracts import command, contract, query, spec_of
from tests.unit.clients.sample import Inventory, Reservation, Reserve, reply


class Colour(enum.Enum):
    RED = "red"


@contract("samples")
class Samples(Protocol):
    @query("GET /a/{one}/b/{two}")
    async def path(self, one: str, two: str) -> int: ...

    @query("GET /q")
    async def ask(self, value: str, other: str | None = None) -> int: ...

    @command("POST /accepted", status=202)
    async def accepted(self) -> int: ...


def codec(name: str, protocol: Any = Samples) -> Codec:
    return Codec(spec_of(protocol).operation(name))


@given(st.text(min_size=1).filter(str.isprintable), st.text(min_size=1).filter(str.isprintable))
def test_path_values_come_back_whatever_they_contain(one: str, two: str) -> None:
    target, _ = codec("path").encode([one, two])
    empty, a, first, b, second = target.split("/")
    assert (empty, a, unquote(first), b, unquote(second)) == ("", "a", one, "b", two)


@given(st.lists(st.text(st.characters(codec="utf-8"))), st.text(st.characters(codec="utf-8")))
def test_query_values_come_back_whatever_they_contain(values: list[str], other: str) -> None:
    target, _ = codec("ask").encode([values, other])
    found = parse_qsl(target.partition("?")[2], keep_blank_values=True)
    assert found == [*(("value", each) for each in values), ("other", other)]


@given(st.text(), st.text())
def test_a_target_is_always_one_word_of_ascii(one: str, two: str) -> None:
    try:
        target, _ = codec("ask").encode([one, two])
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    assert target.isascii()
    assert not any(each.isspace() for each in target)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.5, "1.5"),
        (Decimal("1.10"), "1.10"),
        (Colour.RED, "red"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC), "2026-11-22T10%3A00%3A00Z"),
    ],
)
def test_a_scalar_travels_as_text(value: Any, text: str) -> None:
    assert codec("ask").encode([value, None])[0] == f"/q?value={text}"


@pytest.mark.parametrize("value", [True, 3, 2.5, Decimal("9.99"), Colour.RED, dt.date(2026, 1, 2), uuid.uuid4()])
def test_the_text_of_a_scalar_reads_back_as_its_type(value: Any) -> None:
    text = parse_qsl(codec("ask").encode([value, None])[0].partition("?")[2])[0][1]
    assert msgspec.convert(text, type(value), strict=False) == value


def test_a_query_value_of_none_is_left_out() -> None:
    assert codec("ask").encode([None, None])[0] == "/q"


@pytest.mark.parametrize("values", [["b", "a"], ("b", "a")])
def test_a_sequence_repeats_its_name_in_order(values: Sequence[str]) -> None:
    assert codec("ask").encode([values, None])[0] == "/q?value=b&value=a"


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_path_value_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"samples\.path: two must not be empty"):
        codec("path").encode(["x", value])


@pytest.mark.parametrize("value", [{"a": 1}, Reservation(id="1"), [["nested"]]])
def test_what_has_no_text_form_is_refused_in_a_query(value: Any) -> None:
    with pytest.raises(TypeError, match="make it the body"):
        codec("ask").encode([value, None])


def test_a_struct_is_the_json_body() -> None:
    _, body = codec("reserve", Inventory).encode([Reserve("a", 2)])
    assert msgspec.json.decode(body, type=Reserve) == Reserve("a", 2)


def test_equal_arguments_have_equal_bodies() -> None:
    notes = [str(number) for number in range(50)]
    bodies = {
        codec("reserve", Inventory).encode([Reserve("a", 2, frozenset(each))])[1] for each in (notes, notes[::-1])
    }
    assert len(bodies) == 1
    assert msgspec.json.decode(bodies.pop())["notes"] == sorted(notes)


def test_an_operation_without_a_struct_has_no_body() -> None:
    assert codec("release", Inventory).encode(["1"]) == ("/reservations/1", b"")


def test_a_result_is_decoded_into_its_type() -> None:
    assert codec("reserve", Inventory).decode(reply(200, b'{"id":"1","more":2}')) == Reservation(id="1")


@pytest.mark.parametrize("status", [200, 204])
def test_an_operation_without_a_result_returns_none(status: int) -> None:
    assert codec("release", Inventory).decode(reply(status, b"")) is None


def test_a_declared_202_is_a_success() -> None:
    assert codec("accepted").decode(reply(202, b"5")) == 5


@pytest.mark.parametrize("body", [b"", b"{}", b'{"id":1}', b"<html>", b'{"id":"\xff"}', b'{"x":' + b"[" * 10**5])
def test_a_body_the_contract_does_not_declare_is_an_unexpected_reply(body: bytes) -> None:
    with pytest.raises(UnexpectedReply, match="does not declare") as caught:
        codec("reserve", Inventory).decode(reply(201, body))
    assert caught.value.status == 201
