"""What else is wrong where a setting is: the engines that the user names are tried, so that all is told at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from atoll.core import AtollError, Clock, Hooks, Settings, SettingsError, SystemClock
from atoll.service.ground import RealGround
from atoll.service.opening import try_together
from atoll.service.preparation import told_once
from atoll.service.schema import target_of
from atoll.system.declaration import System
from atoll.system.environment import lacks_service, read_settings

Work = Callable[[], Awaitable[Any]]


async def diagnose(system: System, environ: Mapping[str, str], *, clock: Clock | None = None) -> None:
    """Raise SettingsError when a setting is wrong, telling the others and what is wrong with the engines they name.

    Engines that no setting names are not tried, and when all settings are right none is.
    """
    settings, problems = read_settings(system, environ)
    if not problems:
        return
    settings = replace(settings, system=system.name)

    async def wrong() -> None:
        raise SettingsError(problems)

    databases = _databases(system, settings)
    others = [*_broker(settings), *_registry(settings, system)]
    works = [wrong, *databases.values(), *others]  # after what is wrong already, nobody waits for the others
    _, *outcomes = await try_together(works, clock=clock or SystemClock())
    opened = dict(zip(databases, outcomes, strict=False))
    misfits = {name: error for name, error in opened.items() if isinstance(error, AtollError)}
    problems += told_once(misfits, settings.database_url, len(system.services))
    problems += [str(each) for each in outcomes[len(databases) :] if isinstance(each, AtollError)]
    raise SettingsError(problems)


def _databases(system: System, settings: Settings) -> dict[str, Work]:
    if not _named(settings, "ATOLL_DATABASE_URL", settings.database_url) or lacks_service(system, settings):
        return {}  # to look at one would make it
    return {each.name: target_of(each, settings).look for each in system.services}


def _broker(settings: Settings) -> list[Work]:
    async def connect() -> None:
        queue = await RealGround().queue(settings, hooks=Hooks())
        await queue.close()

    return [connect] if _named(settings, "ATOLL_BROKER_URL", settings.broker_url) else []


def _registry(settings: Settings, system: System) -> list[Work]:
    async def ask() -> None:
        registry = RealGround().registry(settings)
        try:
            await registry.discover(system.services[0].name)
        finally:
            await registry.close()

    return [ask] if _named(settings, "ATOLL_REGISTRY_URL", settings.registry_url) else []


def _named(settings: Settings, name: str, url: str) -> bool:
    """Tell whether the user names this URL, and rightly."""
    return settings.environ.get(name) == url
