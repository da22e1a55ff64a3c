from __future__ import annotations

import inspect
from typing import Any, Protocol, get_type_hints

import msgspec
import pytest

from atoll.clients import Clients, client, close_client, operation_of
from atoll.clients.proxy import channel_of, proxy_class
from atoll.contracts import spec_of
from atoll.core import DeclarationError
from tests.unit.clients.sample import (
    FixedResolver,
    Inventory,
    Reservation,
    Reserve,
    ScriptedTransport,
    instance,
    reply,
)


def made(transport: ScriptedTransport | None = None) -> Inventory:
    return Clients(FixedResolver(instance()), transport or ScriptedTransport(reply())).of(Inventory)


def test_a_method_is_documented_and_named_as_the_contract_says() -> None:
    assert made().reserve.__name__ == "reserve"
    assert made().reserve.__doc__ == "Hold goods back."


def test_a_method_has_the_signature_of_the_contract() -> None:
    declared = list(inspect.signature(Inventory.search).parameters)
    assert list(inspect.signature(made().search).parameters) == declared[1:]


def test_a_bound_method_tells_its_types() -> None:
    assert made().reserve.__annotations__ == {"request": Reserve, "return": Reservation}
    assert get_type_hints(made().reserve)["return"] is Reservation


def test_a_bound_method_tells_its_operation() -> None:
    assert operation_of(made().reserve) is spec_of(Inventory).operation("reserve")


def test_a_method_of_anything_else_has_no_operation() -> None:
    assert operation_of("".join) is None


def test_methods_are_coroutine_functions() -> None:
    assert inspect.iscoroutinefunction(made().reserve)


def test_the_class_of_a_contract_is_made_once() -> None:
    assert proxy_class(Inventory) is proxy_class(Inventory)


def test_a_client_knows_its_contract() -> None:
    assert spec_of(type(made())) is spec_of(Inventory)
    assert repr(made()) == "<client of inventory>"


@pytest.mark.parametrize(
    ("args", "named", "target"),
    [
        (("a",), {}, "/stock/a"),
        (("a", "noon"), {}, "/stock/a?at=noon"),
        ((), {"sku": "a", "at": "noon"}, "/stock/a?at=noon"),
        ((), {"at": "noon", "sku": "a"}, "/stock/a?at=noon"),
    ],
)
async def test_arguments_go_by_place_or_name(args: Any, named: Any, target: str) -> None:
    transport = ScriptedTransport(reply())
    await made(transport).stock(*args, **named)
    assert transport.requests[0].target == target


async def test_keyword_only_arguments_and_defaults_are_sent() -> None:
    transport = ScriptedTransport(reply(200, b"[]"))
    await made(transport).search("x", tags=["a", "b"])
    assert transport.requests[0].target == "/stock?text=x&tags=a&tags=b&limit=10"


@pytest.mark.parametrize(
    ("args", "named"), [((), {}), (("a", "b", "c"), {}), (("a",), {"sku": "a"}), (("a",), {"x": 1})]
)
async def test_wrong_arguments_are_a_type_error(args: Any, named: Any) -> None:
    with pytest.raises(TypeError):
        await made().stock(*args, **named)


async def test_a_keyword_only_argument_cannot_go_by_place() -> None:
    with pytest.raises(TypeError):
        await made().search("x", ["a"], 3)  # type: ignore[call-arg]


def test_the_clients_of_a_contract_are_one() -> None:
    clients = Clients(FixedResolver(), ScriptedTransport(reply()))
    assert clients.of(Inventory) is clients.of(Inventory)


def test_a_protocol_that_is_no_contract_is_refused() -> None:
    class Other(Protocol): ...

    with pytest.raises(DeclarationError, match="not a contract"):
        Clients(FixedResolver(), ScriptedTransport(reply())).of(Other)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://shop:8080", "shop", 8080),
        ("http://shop/", "shop", 80),
        ("https://shop", "shop", 443),
        ("http://[::1]:5", "::1", 5),
    ],
)
async def test_a_client_at_a_url_calls_that_address(url: str, host: str, port: int) -> None:
    inventory: Inventory = client(Inventory, url=url, transport=ScriptedTransport(reply()))
    (found,) = await channel_of(inventory)._resolver.instances("inventory")
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize(
    "url",
    ["", "shop:80", "ftp://shop", "http://", "http://shop/api", "http://shop:x", "http://shop:99999", "http://u@shop"],
)
def test_a_url_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(DeclarationError, match="is no address"):
        client(Inventory, url=url)


async def test_closing_a_client_closes_its_transport() -> None:
    transport = ScriptedTransport(reply())
    await close_client(client(Inventory, url="http://shop", transport=transport))
    assert transport.closed


async def test_only_a_client_can_be_closed() -> None:
    with pytest.raises(TypeError, match="not a client"):
        await close_client("inventory")


async def test_a_result_is_what_the_contract_says() -> None:
    transport = ScriptedTransport(reply(200, msgspec.json.encode(Reservation(id="r-1"))))
    assert await made(transport).reserve(Reserve("a", 1)) == Reservation(id="r-1")
