"""`atoll sagas`: the sagas of the running services, and what an operator decides about parked ones."""

from __future__ import annotations

from typing import Annotated

import typer

from atoll.cli.group import group, lists
from atoll.cli.options import STATE, Directory, Service, Which

sagas = group("See the sagas; retry, skip or resolve parked ones.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The saga's id, as `list` shows it.")]
Note = Annotated[str, typer.Option("--note", "-n", help="Why; it is kept with the saga.")]
By = Annotated[str, typer.Option("--by", help="Who decides.", show_default="user@host")]
Result = Annotated[
    str | None, typer.Option("--result", help="What it is to have returned, as JSON.", show_default=False)
]


@lists(sagas)
def list_them(service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """List the newest, parked ones first; so does `atoll sagas` alone."""
    from atoll.cli.inspection import show_sagas

    show_sagas(directory, which, service)


@sagas.command()
def show(saga: Id, service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """Show the history of one: steps, attempts, errors, decisions."""
    from atoll.cli.inspection import show_saga

    show_saga(directory, which, service, saga)


@sagas.command()
def retry(
    saga: Id, note: Note = "", by: By = "", service: Service = "", directory: Directory = STATE, which: Which = ""
) -> None:
    """Go on with a parked saga at what has failed."""
    from atoll.cli.inspection import decide

    decide(directory, which, service, saga, "retry", who=by, note=note)


@sagas.command()
def skip(
    saga: Id,
    note: Note,
    result: Result = None,
    by: By = "",
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Take what a parked saga is stuck at as done, and go on behind it."""
    from atoll.cli.inspection import decide

    decide(directory, which, service, saga, "skip", who=by, note=note, result=result)


@sagas.command()
def resolve(
    saga: Id,
    ending: Annotated[str, typer.Argument(metavar="completed|compensated", help="How it has ended.")],
    note: Note,
    result: Result = None,
    by: By = "",
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Call a parked saga ended, because it was seen to by hand."""
    from atoll.cli.inspection import decide

    decide(directory, which, service, saga, "resolve", who=by, note=note, result=result, ending=ending)
