"""Addresses from a setting."""

import asyncio
from contextlib import aclosing

import pytest

from atoll.core import SettingsError
from atoll.discovery import Instance, StaticRegistry


async def addresses(registry: StaticRegistry, service: str) -> list[str]:
    return [each.address for each in await registry.discover(service)]


async def test_a_url_names_services_and_their_addresses() -> None:
    registry = StaticRegistry.from_url("static:inventory=127.0.0.1:8001,127.0.0.1:8002;order=host:80")
    assert await addresses(registry, "inventory") == ["127.0.0.1:8001", "127.0.0.1:8002"]
    assert await addresses(registry, "order") == ["host:80"]


async def test_spaces_and_empty_parts_do_not_matter() -> None:
    registry = StaticRegistry.from_url("static: inventory = a:1 , b:2 ; ")
    assert await addresses(registry, "inventory") == ["a:1", "b:2"]


@pytest.mark.parametrize("url", ["static:", "static:inventory="])
async def test_nothing_may_be_there(url: str) -> None:
    assert await addresses(StaticRegistry.from_url(url), "inventory") == []


async def test_an_address_may_be_of_ip_version_6() -> None:
    (found,) = await StaticRegistry({"inventory": ["[::1]:8001"]}).discover("inventory")
    assert (found.host, found.port) == ("::1", 8001)


def test_every_wrong_address_is_told() -> None:
    with pytest.raises(SettingsError) as caught:
        StaticRegistry.from_url("static:inventory=host;order=host:0,:80,h:99999,h:1/x,h:1")
    assert [each.split(" ")[0] for each in caught.value.problems] == [
        "'host'",
        "'host:0'",
        "':80'",
        "'h:99999'",
        "'h:1/x'",
    ]


@pytest.mark.parametrize("url", ["static:inventory", "static:=a:1", "other:inventory=a:1"])
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="must be written static:SERVICE=HOST:PORT"):
        StaticRegistry.from_url(url)


async def test_registering_changes_nothing() -> None:
    registry = StaticRegistry({"inventory": ["a:1"]})
    await registry.register(Instance(id="b", service="inventory", host="b", port=2))
    assert await addresses(registry, "inventory") == ["a:1"]


async def test_a_watch_waits_after_its_first_answer() -> None:
    async with aclosing(StaticRegistry({"inventory": ["a:1"]}).watch("inventory")) as watch:
        await anext(watch)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(watch), 0.01)
