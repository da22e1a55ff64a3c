"""`atoll migrate`: every service's database to the revisions of the code, or a look at how far each one is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from atoll.cli.errors import UsageError
from atoll.cli.finding import here_first, pick
from atoll.core.errors import AtollError
from atoll.core.settings import Settings
from atoll.migrations.migrate import Found, Target
from atoll.migrations.parts import TOOLKIT
from atoll.migrations.writing import write_revision
from atoll.service.schema import migrations_of, target_of
from atoll.system.declaration import System
from atoll.system.target import default_target, load_system

_STATES: Final = {
    "fits": ("green", "newest"),
    "empty": ("yellow", "missing"),
    "behind": ("yellow", "behind"),
    "newer": ("red", "newer"),
}
"""How a standing is shown, the worst last."""


def migrate_system(target: str, service: str, *, check: bool, sql: bool) -> bool:
    """Migrate, look (`check`) or print SQL; return whether every database is, or now is, at its newest revision.

    Raises UsageError without a database URL or for a service there is not; for one database, what is wrong with it.
    """
    system = _load(target)
    names = pick(service, [each.name for each in system.services], "service")
    targets = [target_of(system.by_name[name], _settings(system)) for name in names]
    if sql:
        asyncio.run(_print_sql(targets))
        return True
    return asyncio.run(_go_through(targets, check=check))


def new_revision(target: str, service: str, about: str) -> None:
    """Make the file of a new revision and print where it is."""
    system = _load(target)
    if not service:
        raise UsageError("a new revision is for one service; name it with --service")
    [name] = pick(service, [each.name for each in system.services], "service")
    folder = migrations_of(system.by_name[name])
    if folder is None:
        raise UsageError(f'{name} has no migrations; give its class `migrations = "migrations"` in place of a schema')
    path = write_revision(folder, about)
    print(os.path.relpath(path))


def _load(target: str) -> System:
    here_first()
    return load_system(target or default_target(Path.cwd()))


def _settings(system: System) -> Settings:
    if not os.environ.get("ATOLL_DATABASE_URL"):
        raise UsageError(
            "ATOLL_DATABASE_URL does not say which databases to migrate, for example "
            f"postgresql://user@host/{system.name}_{{service}}; those of `atoll up` are migrated when it starts"
        )
    return Settings.read(os.environ)


async def _go_through(targets: Sequence[Target], *, check: bool) -> bool:
    """One database after the other; what goes wrong with one is told, and does not keep the next from its turn."""
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    good = True
    for target in targets:
        try:
            found = await target.look()
            applied = () if check else await target.migrate()
        except AtollError as error:
            rows.append((target.service, "[red]failed[/red]"))
            problems.append(f"{target.service}: {error}")
        else:
            rows.append((target.service, _state(found, applied), *_revisions(found, applied)))
            good = good and (not check or all(each.standing == "fits" for each in found))
    Console(highlight=False).print(_table(rows))
    if problems:
        raise MigrationsFailed(problems)
    return good


def _state(found: Sequence[Found], applied: Sequence[str]) -> str:
    if applied:
        return f"[green]{len(applied)} applied[/green]"
    worst = max((each.standing for each in found), key=list(_STATES).index)
    colour, words = _STATES[worst]
    return f"[{colour}]{words}[/{colour}]"


def _revisions(found: Sequence[Found], applied: Sequence[str]) -> tuple[str, str]:
    """Return where the service's own tables are and where the toolkit's, each from and to if it has changed."""
    toolkit, own = found[: len(TOOLKIT)], found[len(TOOLKIT) :]
    return " ".join(_step(each, applied) for each in own), _toolkit(toolkit, applied)


def _toolkit(found: Sequence[Found], applied: Sequence[str]) -> str:
    """Name only what there is something to say of."""
    if all(each.standing == "empty" for each in found):
        return "made" if applied else "none"
    return ", ".join(_step(each, applied) for each in found if each.standing != "fits") or "newest"


def _step(found: Found, applied: Sequence[str]) -> str:
    new = [name for name in found.part.revisions if name in applied]
    if not new:
        return found.revision or "none"
    return f"{found.revision} → {new[-1]}" if found.revision else new[-1]


def _table(rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Service", "State", "Own tables", "Atoll's tables"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


async def _print_sql(targets: Sequence[Target]) -> None:
    for target in targets:
        text = await target.sql()
        print(f"-- {target.service}: {'nothing to do' if not text else ''}".rstrip(": "))
        print(text, end="")


class MigrationsFailed(AtollError):
    """Some databases could not be looked at or migrated; the message tells each."""

    code = "migrations_failed"
    exit_code = 1

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
