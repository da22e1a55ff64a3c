"""Arguments on a command line become what an operation takes."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
import pytest

from atoll.cli.arguments import arguments_for
from atoll.cli.errors import UsageError
from atoll.contracts import command, contract, query, spec_of


class Line(msgspec.Struct):
    sku: str
    quantity: int = 1


class Address(msgspec.Struct):
    street: str
    city: str


class Order(msgspec.Struct):
    customer: str
    lines: list[Line]
    address: Address | None = None
    gift: bool = False


@contract("orders")
class Orders(Protocol):
    @command("POST /orders/{number}")
    async def place(self, number: int, order: Order) -> None: ...

    @query("GET /orders")
    async def find(self, customer: str, tags: list[str] = [], open: bool = True) -> list[Order]: ...  # noqa: A002, B006

    @command("DELETE /orders/{number}")
    async def cancel(self, number: int) -> None: ...

    @query("GET /orders/count")
    async def count(self) -> int: ...


@contract("documents")
class Documents(Protocol):
    @query("GET /documents/{name}")
    async def read(self, name: str) -> str: ...


def arguments(operation: str, *values: str, body: str = "") -> dict[str, Any]:
    return arguments_for(spec_of(Orders).operation(operation), values, body)


def refusal(operation: str, *values: str, body: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        arguments(operation, *values, body=body)
    return str(caught.value)


def test_text_becomes_what_the_parameter_is() -> None:
    assert arguments("find", "customer=007", "open=false") == {"customer": "007", "open": False}
    assert arguments("cancel", "number=7") == {"number": 7}


def test_a_list_is_written_as_json() -> None:
    assert arguments("find", "customer=a", 'tags=["x","y"]')["tags"] == ["x", "y"]


def test_a_value_may_hold_equals_signs_and_brackets() -> None:
    assert arguments("find", "customer=[a=b]") == {"customer": "[a=b]"}


def test_other_keys_are_the_bodys() -> None:
    found = arguments("place", "number=7", "customer=ann", 'lines=[{"sku":"a"}]', "gift=true")
    assert found == {"number": 7, "order": Order("ann", [Line("a")], gift=True)}


def test_dots_reach_into_structs_and_lists() -> None:
    values = ("number=7", "customer=ann", "lines.0.sku=a", "lines.1.sku=b", "lines.1.quantity=3")
    found = arguments("place", *values, "address.street=S", "address.city=C")
    assert found["order"] == Order("ann", [Line("a"), Line("b", 3)], Address("S", "C"))


def test_the_body_can_be_json() -> None:
    found = arguments("place", "number=7", body='{"customer": "ann", "lines": []}')
    assert found["order"] == Order("ann", [])


def test_keys_win_over_the_json_body() -> None:
    found = arguments("place", "number=7", "customer=bob", body='{"customer": "ann", "lines": []}')
    assert found["order"] == Order("bob", [])


def test_nothing_is_taken_where_nothing_is_asked() -> None:
    assert arguments("count") == {}


def test_a_missing_argument_is_named() -> None:
    assert refusal("find") == "orders.find needs customer=...; it takes customer, tags, open"


def test_an_unknown_argument_is_named() -> None:
    assert refusal("find", "customer=a", "shoe=1") == "orders.find takes no 'shoe'; it takes customer, tags, open"
    assert refusal("count", "shoe=1") == "orders.count takes no 'shoe'; it takes nothing"


def test_an_unknown_key_of_the_body_is_named() -> None:
    said = refusal("place", "number=7", "customer=ann", "lines=[]", "shoe=1")
    assert said == "orders.place takes no 'shoe'; it takes number, customer, lines, address, gift"


def test_a_body_where_there_is_none_is_told() -> None:
    assert refusal("cancel", "number=7", body="{}") == "orders.cancel takes no body; it takes number"


def test_a_value_of_the_wrong_type_is_told() -> None:
    assert refusal("cancel", "number=x") == "orders.cancel: number='x' does not fit: Expected `int`, got `str`"


def test_a_body_that_does_not_fit_is_told_with_its_field() -> None:
    assert "`$.lines`" in refusal("place", "number=7", "customer=ann", "lines=many")


@pytest.mark.parametrize("body", ["{", "[]", "7"])
def test_a_body_that_is_no_json_object_is_told(body: str) -> None:
    assert "--json is not a JSON object" in refusal("place", "number=7", body=body)


@pytest.mark.parametrize("value", ["sku", "=a", ""])
def test_what_is_no_pair_is_told(value: str) -> None:
    assert refusal("find", value) == f"{value!r} is not an argument; write KEY=VALUE"


def test_a_path_through_a_value_is_told() -> None:
    assert "reaches into customer, which has a value" in refusal("place", "number=7", "customer=a", "customer.b=c")


def test_a_value_in_the_path_is_not_empty() -> None:
    reads = spec_of(Documents).operation("read")
    with pytest.raises(UsageError, match=r"^documents\.read: name must not be empty, because it is part of the path$"):
        arguments_for(reads, ["name="], "")


def test_what_is_given_twice_is_refused() -> None:
    assert refusal("cancel", "number=1", "number=2") == "number is given twice; write it once"
