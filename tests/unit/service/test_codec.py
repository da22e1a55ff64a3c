"""Decoding is validation: what is wrong is told by field, what is right arrives typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec
import pytest

from atoll.contracts import command, contract, query, spec_of
from atoll.service.codec import OperationCodec, takes_list
from atoll.service.errors import InvalidRequest, MalformedRequest, Refused, UnsupportedMediaType
from atoll.service.http import Request


class Line(msgspec.Struct):
    sku: str
    quantity: int


class Cart(msgspec.Struct):
    lines: list[Line]


@contract("carts")
class Carts(Protocol):
    @command("PUT /carts/{cart_id}")
    async def put(self, cart_id: str, cart: Cart) -> None: ...

    @query("GET /carts")
    async def find(self, text: str, limit: int = 10, tags: list[str] = []) -> list[Cart]: ...  # noqa: B006


PUT = OperationCodec(spec_of(Carts).operation("put"))
FIND = OperationCodec(spec_of(Carts).operation("find"))


def put(body: bytes, content_type: str = "application/json") -> dict[str, object]:
    headers = {"content-type": content_type}
    return PUT.arguments(
        Request(method="PUT", path="/carts/1", headers=headers, parameters={"cart_id": "1"}, body=body)
    )


def find(query: str) -> dict[str, object]:
    return FIND.arguments(Request(method="GET", path="/carts", query=query))


def test_path_and_body_arrive_typed() -> None:
    body = b'{"lines": [{"sku": "a", "quantity": 2, "extra": 1}]}'
    assert put(body) == {"cart_id": "1", "cart": Cart([Line("a", 2)])}


def test_query_parameters_are_converted_and_defaults_left_to_the_method() -> None:
    assert find("text=a%20b&limit=3") == {"text": "a b", "limit": 3}


def test_a_repeated_query_parameter_is_a_list() -> None:
    assert find("text=a&tags=x&tags=y")["tags"] == ["x", "y"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "lines"),
        (b'{"lines": [{"sku": "a"}]}', "lines[0].quantity"),
        (b'{"lines": [{"sku": "a", "quantity": "two"}]}', "lines[0].quantity"),
        (b'{"lines": [{"sku": 1, "quantity": 2}]}', "lines[0].sku"),
        (b"[]", ""),
    ],
)
def test_a_field_that_does_not_fit_is_named(body: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        put(body)
    assert raised.value.fields.get("field", "") == field


@pytest.mark.parametrize("body", [b"", b"{", b'{"lines": [', b"\xff\xfe", b'{"other": ' + b"[" * 100_000])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="JSON"):
        put(body)


def test_a_body_that_is_not_declared_as_json_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        put(b"{}", "text/plain")


@pytest.mark.parametrize("query", ["", "text=a&limit=many"])
def test_a_query_parameter_that_is_missing_or_wrong_is_named(query: str) -> None:
    with pytest.raises(Refused, match=r"text|limit"):
        find(query)


@pytest.mark.parametrize("kind", [list[str], Sequence[int], list[str] | None, set[int], Annotated[list[str], 1]])
def test_a_collection_may_be_repeated_however_it_is_spelt(kind: Any) -> None:
    assert takes_list(kind)


@pytest.mark.parametrize("kind", [str, int | None, Annotated[str, 1], Literal["a", "b"]])
def test_a_scalar_is_no_list(kind: Any) -> None:
    assert not takes_list(kind)


def test_nothing_is_answered_with_204_and_no_body() -> None:
    reply = PUT.reply(None)
    assert (reply.status, reply.body) == (204, b"")
