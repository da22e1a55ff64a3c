"""The commands of `atoll`: what each takes, and which module does the work."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from atoll.cli.deadletters import deadletters
from atoll.cli.options import STATE, Directory, Service, Which
from atoll.cli.projections import projections
from atoll.cli.sagas import sagas

app = typer.Typer(
    name="atoll",
    help="Run, look at and talk to a system of services.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich help costs another 0.2 s
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Target = Annotated[
    str,
    typer.Argument(
        metavar="[MODULE:SYSTEM]",
        help="The system, for example shop.system:shop. Without it, `system` in [tool.atoll] of pyproject.toml.",
        show_default=False,
    ),
]

Replicas = Annotated[
    str,
    typer.Option(
        "--replicas",
        metavar="NAME=N,...",
        help="How many processes a service has, for example order=3.",
        show_default="one of each, or what the system says",
    ),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 for what went wrong, 2 for what was asked wrongly."""
    try:
        app(arguments, standalone_mode=True)
    except Exception as error:
        from atoll.core.errors import AtollError

        if not isinstance(error, AtollError):
            raise
        sys.stdout.flush()
        print(f"atoll: {error}", file=sys.stderr)
        code = getattr(error, "exit_code", 1)
        return code if isinstance(code, int) else 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


@app.command()
def up(
    target: Target = "",
    single: Annotated[bool, typer.Option("--single", help="Run all services in one process.")] = False,
    replicas: Replicas = "",
    gateway_port: Annotated[
        int | None,
        typer.Option("--gateway-port", "-p", min=1, max=65535, help="The gateway's port.", show_default=False),
    ] = None,
    directory: Directory = STATE,
) -> None:
    """Run a whole system on this machine until Ctrl-C."""
    from atoll.cli.up import run_system

    run_system(target, directory, single=single, replicas=replicas, gateway_port=gateway_port)


@app.command()
def ps(directory: Directory = STATE, which: Which = "") -> None:
    """List the processes of the running systems."""
    from atoll.cli.processes import show_processes

    show_processes(directory, which)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="One process; all of them without it.", show_default=False)] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of the past.")] = 50,
    raw: Annotated[bool, typer.Option("--raw", help="Lines as they were written.")] = False,
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Show what the processes wrote, now or in the last run."""
    from atoll.cli.logs import show_logs

    show_logs(directory, which, service, lines=lines, follow=follow, raw=raw)


@app.command()
def call(
    operation: Annotated[str, typer.Argument(metavar="CONTRACT.OPERATION", help="For example inventory.stock.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Arguments; a.b=c reaches into a struct.", show_default=False),
    ] = None,
    json: Annotated[str, typer.Option("--json", "-j", help="The body, as JSON.", show_default=False)] = "",
    token: Annotated[
        str, typer.Option("--token", "-t", envvar="ATOLL_TOKEN", help="An access token.", show_default=False)
    ] = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Call an operation of a service; print the reply as JSON."""
    from atoll.cli.call import call_operation

    call_operation(directory, which, operation, values or [], body=json, token=token)


app.add_typer(sagas, name="sagas")
app.add_typer(deadletters, name="deadletters")
app.add_typer(projections, name="projections")


@app.command()
def events(
    stream: Annotated[str, typer.Argument(help="A stream, for example order-7.", show_default=False)] = "",
    everything: Annotated[bool, typer.Option("--all", help="Of all streams.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    at: Annotated[
        str,
        typer.Option("--at", metavar="VERSION|TIME", help="As it was then: 7, 2026-11-22T19:00.", show_default=False),
    ] = "",
    types: Annotated[list[str] | None, typer.Option("--type", help="Only of this type.", show_default=False)] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Only with this tag.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, the newest.")] = 50,
    service: Service = "",
    directory: Directory = STATE,
    which: Which = "",
) -> None:
    """Show the events of a stream, or of all, as they are stored."""
    from atoll.cli.events import Wanted, show_events

    wanted = Wanted(stream=stream, everything=everything, at=at, types=types or [], tags=tags or [], limit=limit)
    show_events(directory, which, service, wanted, follow=follow)


@app.command()
def export(
    what: Annotated[str, typer.Argument(metavar="openapi|asyncapi", help="Which document.")],
    service: Service = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file.", show_default=False)] = None,
    target: Annotated[
        str, typer.Option("--from", metavar="MODULE:SYSTEM", help="As for `up`.", show_default=False)
    ] = "",
) -> None:
    """Write an API document of the system or of one service."""
    from atoll.cli.export import export_document

    export_document(what, service, out, target)


@app.command()
def migrate(
    target: Target = "",
    service: Service = "",
    check: Annotated[bool, typer.Option("--check", help="Only look; exit with 1 if something is missing.")] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")] = False,
    new: Annotated[
        str, typer.Option("--new", metavar="MESSAGE", help="Make a revision for --service.", show_default=False)
    ] = "",
) -> None:
    """Bring the databases of the services to the newest revisions."""
    from atoll.cli.migrate import migrate_system, new_revision

    if new:
        new_revision(target, service, new)
    elif not migrate_system(target, service, check=check, sql=sql):
        raise typer.Exit(1)


@app.command()
def torture(
    target: Target = "",
    faults: Annotated[int, typer.Option("--faults", "-n", min=1, help="How many faults.")] = 200,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The dice; by default a new one, which is told.", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=1.0, help="Have all faults within this time.", show_default="0.75 each"),
    ] = None,
    kinds: Annotated[
        str, typer.Option("--kinds", help="kill,down,stop,broker,cut,silence,delay,duplicate", show_default="all")
    ] = "",
    only: Annotated[
        str, typer.Option("--only", metavar="NAME,...", help="Kill and stop only these.", show_default="any process")
    ] = "",
    replicas: Replicas = "",
    broker: Annotated[
        str, typer.Option("--broker", help="nats or rabbitmq: what to start unless ATOLL_BROKER_URL names one.")
    ] = "nats",
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-d", help="Where to keep its state.", show_default="one of its own"),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the report here.", show_default=False)] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with a picture here.", show_default=False)
    ] = None,
) -> None:
    """Hurt a system under load, and hold it to its invariants."""
    from atoll.cli.torture import torture_system

    good = torture_system(
        target,
        directory,
        faults=faults,
        seed=seed,
        seconds=seconds,
        kinds=kinds,
        only=only,
        replicas=replicas,
        broker=broker,
        json=json,
        html=html,
    )
    raise typer.Exit(0 if good else 1)


@app.command()
def version() -> None:
    """Print the version."""
    from atoll import __version__

    print(f"atoll {__version__}")
