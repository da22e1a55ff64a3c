"""`atoll deadletters`: the messages that services gave up on, and what to do about them."""

from __future__ import annotations

from typing import Annotated

import typer

from atoll.cli.group import group, lists
from atoll.cli.options import STATE, Directory, Service, Which

deadletters = group("See what services gave up on; edit, replay or discard it.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The message's id, as `list` shows it.")]
Key = Annotated[str, typer.Option("--key", "-k", help="Only those with this key.", show_default=False)]


@lists(deadletters)
def list_them(key: Key = "", service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """List them, oldest first; so does `atoll deadletters` alone."""
    from atoll.cli.letters import list_letters

    list_letters(directory, which, service, key=key)


@deadletters.command()
def show(letter: Id, service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """Show one: headers, data, and where its error came from."""
    from atoll.cli.letters import show_letter

    show_letter(directory, which, service, letter)


@deadletters.command()
def edit(
    letter: Id,
    data: Annotated[
        str | None,
        typer.Option("--data", help="The new data as JSON, or - for standard input.", show_default="opens $EDITOR"),
    ] = None,
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Change the data of one, before it is replayed."""
    from atoll.cli.letters import edit_letter

    edit_letter(directory, which, service, letter, data=data)


@deadletters.command()
def replay(
    letter: Annotated[str, typer.Argument(metavar="[ID]", help="This one first.", show_default=False)] = "",
    key: Key = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Handle them once more, in order per key, going on with those behind; exit code 1 when any fails again."""
    from atoll.cli.letters import replay_letters

    good = replay_letters(directory, which, service, letter_id=letter, key=key, everything=everything)
    raise typer.Exit(0 if good else 1)


@deadletters.command()
def discard(
    letter: Id,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is logged.")],
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Give one up for good; those behind it go on."""
    from atoll.cli.letters import discard_letter

    good = discard_letter(directory, which, service, letter, reason=reason)
    raise typer.Exit(0 if good else 1)
