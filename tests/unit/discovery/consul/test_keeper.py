"""An instance that the registry has lost comes back."""

from collections.abc import AsyncIterator

import pytest

from atoll.discovery import Instance, RegistryUnreachable
from atoll.discovery.consul.keeper import Keeper
from tests.unit.discovery.fakes import VirtualClock

WEB = Instance(id="web-1", service="web", host="a", port=1)


class FakeClient:
    """Knows what is registered, unless it is away."""

    def __init__(self) -> None:
        self.registered: dict[str, bool] = {"web-1": True}
        self.away = False
        self.questions = 0

    async def is_registered(self, instance_id: str) -> bool:
        self.questions += 1
        if self.away:
            raise RegistryUnreachable("http://127.0.0.1:8500", "refused")
        return instance_id in self.registered

    async def register(self, instance: Instance, *, ready: bool) -> None:
        self.registered[instance.id] = ready


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def keeper(client: FakeClient, clock: VirtualClock) -> AsyncIterator[Keeper]:
    keeper = Keeper(client, clock=clock, random=lambda: 0.5)  # type: ignore[arg-type]
    await keeper.keep(WEB)
    yield keeper
    await keeper.close()


@pytest.mark.usefixtures("keeper")
async def test_what_is_registered_is_left_alone(client: FakeClient, clock: VirtualClock) -> None:
    await clock.advance(30)
    assert (client.questions, client.registered) == (3, {"web-1": True})


@pytest.mark.usefixtures("keeper")
async def test_what_is_lost_is_registered_again_as_not_known_to_be_ready(
    client: FakeClient, clock: VirtualClock
) -> None:
    client.registered.clear()
    await clock.advance(10)
    assert client.registered == {"web-1": False}


@pytest.mark.usefixtures("keeper")
async def test_a_registry_that_is_away_is_asked_again_later(client: FakeClient, clock: VirtualClock) -> None:
    client.away = True
    client.registered.clear()
    await clock.advance(30)
    client.away = False
    await clock.advance(10)
    assert "web-1" in client.registered


async def test_what_is_dropped_stays_lost(keeper: Keeper, client: FakeClient, clock: VirtualClock) -> None:
    await keeper.drop("web-1")
    client.registered.clear()
    await clock.advance(60)
    assert client.registered == {}


async def test_dropping_what_is_not_kept_is_no_error(keeper: Keeper) -> None:
    await keeper.drop("web-9")


async def test_an_instance_kept_twice_is_asked_about_once(
    keeper: Keeper, client: FakeClient, clock: VirtualClock
) -> None:
    await keeper.keep(WEB)
    await clock.advance(10)
    assert client.questions == 1
