"""What is done once before the services of a system start on this machine: all their engines checked, and migrated.

So whatever is wrong with any of them is told in one message, and no service imports Alembic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from atoll.core.clock import Clock, SystemClock
from atoll.core.errors import AtollError
from atoll.core.hooks import Hooks
from atoll.core.settings import Settings
from atoll.migrations.local import may_migrate
from atoll.migrations.migrate import Target
from atoll.service.ground import RealGround
from atoll.service.opening import together, try_together
from atoll.service.schema import migrations_of, target_of
from atoll.service.service import Service
from atoll.storage.versions import refuse_misfit


async def prepare(services: Sequence[type[Service]], settings: Settings, *, clock: Clock | None = None) -> None:
    """Check the services' databases, their broker and their registry, and migrate what may be migrated unasked.

    Raises CannotStart telling all that is wrong, and once what is wrong with many databases. Nothing is migrated then.
    """
    works: list[Callable[[], Awaitable[Any]]] = [partial(_look, each, settings) for each in services]
    works += [partial(_broker, settings), partial(_registry, settings, services[0])]
    outcomes = await try_together(works, clock=clock or SystemClock())
    if errors := [each for each in outcomes if isinstance(each, AtollError)]:
        count = len(services)
        databases = {
            service.name: error
            for service, error in zip(services, outcomes[:count], strict=True)
            if isinstance(error, AtollError)
        }
        others = [str(each) for each in outcomes[count:] if isinstance(each, AtollError)]
        raise together(errors, [*told_once(databases, settings.database_url, count), *others])
    for target in outcomes[: len(services)]:
        if target is not None:
            await target.migrate()


def told_once(errors: Mapping[str, AtollError], url: str, services: int) -> list[str]:
    """Return what is wrong with the databases of services, one sentence for all those that share a problem."""
    path = urlsplit(url).path
    sharing: defaultdict[str, list[str]] = defaultdict(list)
    for name, error in errors.items():
        for line in str(error).splitlines():
            sharing[line.replace(path.replace("{service}", name), path)].append(name)
    return [line if len(names) == services > 1 else f"{', '.join(names)}: {line}" for line, names in sharing.items()]


async def _look(service: type[Service], settings: Settings) -> Target | None:
    """Return the database of a service that is to be migrated, None when there is nothing to do."""
    target = target_of(service, settings)
    found = await target.look()
    if migrations_of(service) is None:  # its process makes its tables, and the toolkit's
        found = [each for each in found if each.standing != "empty"]
    if all(each.standing == "fits" for each in found):
        return None
    if any(each.standing == "newer" for each in found) or not may_migrate(found, target.url):
        for each in found:
            refuse_misfit(each.part, each.noted, f"atoll migrate --service {service.name}")
    return target


async def _broker(settings: Settings) -> None:
    queue = await RealGround().queue(settings, hooks=Hooks())
    await queue.close()


async def _registry(settings: Settings, service: type[Service]) -> None:
    registry = RealGround().registry(settings)
    try:
        await registry.discover(service.name)
    finally:
        await registry.close()
