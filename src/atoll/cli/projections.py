"""`atoll projections`: the views of the running services, and what an operator may do with them."""

from __future__ import annotations

from typing import Annotated

import typer

from atoll.cli.group import group, lists
from atoll.cli.options import STATE, Directory, Service, Which

projections = group("See the views of events; rebuild, pause or retry them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The projection's name, as `list` shows it.")]


@lists(projections)
def list_them(service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """List them with their lag; so does `atoll projections` alone."""
    from atoll.cli.views import list_views

    list_views(directory, which, service)


@projections.command()
def show(name: Name, service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """Show one: where it is, what has stopped it, what is parked."""
    from atoll.cli.views import show_view

    show_view(directory, which, service, name)


@projections.command()
def rebuild(name: Name, service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """Build the view anew beside the live one, and switch when it is there."""
    from atoll.cli.views import act

    act(directory, which, service, name, "rebuild")


@projections.command()
def pause(name: Name, service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """Let nobody write the view until it is resumed; it can be read."""
    from atoll.cli.views import act

    act(directory, which, service, name, "pause")


@projections.command()
def resume(name: Name, service: Service = "", directory: Directory = STATE, which: Which = "") -> None:
    """Go on where it was paused."""
    from atoll.cli.views import act

    act(directory, which, service, name, "resume")


@projections.command()
def retry(
    name: Name,
    event: Annotated[str, typer.Argument(metavar="[EVENT]", help="This one; else all.", show_default=False)] = "",
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Try what is stopped or parked once more, in order per key."""
    from atoll.cli.views import act

    act(directory, which, service, name, "retry", event=event)


@projections.command()
def discard(
    name: Name,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id, as `show` shows it.")],
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Pass over an event for good; those behind it go on. The event stays in its stream."""
    from atoll.cli.views import act

    act(directory, which, service, name, "discard", event=event)
