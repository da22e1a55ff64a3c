"""Groups of commands about what the running services have; a group without a command lists it."""

from __future__ import annotations

from collections.abc import Callable

import typer

from atoll.cli.options import STATE, Directory, Service, Which

Listing = Callable[..., None]


def group(summary: str) -> typer.Typer:
    """Return a group without commands."""
    return typer.Typer(help=summary, invoke_without_command=True, rich_markup_mode=None)


def lists(of: typer.Typer) -> Callable[[Listing], Listing]:
    """Make a function the command `list` of a group, and what the group does without a command."""

    def add(listing: Listing) -> Listing:
        @of.callback()
        def _alone(
            context: typer.Context, service: Service = "", directory: Directory = STATE, which: Which = ""
        ) -> None:
            if context.invoked_subcommand is None:
                listing(service=service, directory=directory, which=which)

        return of.command("list")(listing)

    return add
