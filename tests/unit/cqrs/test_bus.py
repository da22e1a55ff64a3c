"""A message goes to its one handler, and what does not fit is told when the bus is made."""

from __future__ import annotations

from typing import Any

import pytest

from atoll.core.errors import DeclarationError
from atoll.cqrs import Command, CommandBus, Query, QueryBus, Route, Step, handles
from tests.unit.cqrs.shelf import Burn, Clerk, Left, Receipt, Shelf, Take


class Stray(Command[int]):
    pass


async def test_a_command_is_handled_and_its_result_comes_back() -> None:
    assert await CommandBus([Shelf()], messages=[Take, Burn]).execute(Take(sku="a", number=2)) == Receipt("a", 3)


async def test_a_query_is_answered() -> None:
    assert await QueryBus([Clerk(Shelf())]).execute(Left(sku="a")) == 5


async def test_a_function_may_be_a_handler() -> None:
    @handles()
    async def stray(command: Stray) -> int:
        return 7

    assert await CommandBus([stray]).execute(Stray()) == 7


def test_every_problem_is_told_when_the_bus_is_made() -> None:
    with pytest.raises(DeclarationError) as caught:
        CommandBus([Shelf(), Shelf(), Clerk(Shelf())], messages=[Stray])
    assert str(caught.value) == (
        "Burn has two handlers; leave one; Take has two handlers; leave one; "
        "Left is no command; give its handler to the other bus; Stray has no handler; add one"
    )


async def test_a_message_nobody_declared_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Stray has no handler on this bus"):
        await CommandBus([Shelf()]).execute(Stray())


class Mute(Query):  # type: ignore[type-arg]
    pass


@handles()
async def wrong_result(command: Stray) -> str:
    return ""


@handles()
async def no_message(command: int) -> str:
    return ""


@handles()
def not_async(command: Stray) -> int:
    return 1


@handles()
async def untold(query: Mute) -> int:
    return 1


@handles()
async def unseen(query: Nowhere) -> int:  # type: ignore[name-defined]  # noqa: F821
    return 1


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (wrong_result, "returns str, but Stray asks for int"),
        (no_message, r"must be `async def no_message\(message: PlaceOrder\) -> Receipt`"),
        (not_async, "must be `async def"),
        (untold, r"declare it as `class Mute\(Command\[Result\]\)`"),
        (unseen, "unseen: name 'Nowhere' is not defined; define it where the module can see it"),
        (object(), "handles nothing"),
    ],
)
def test_what_cannot_be_a_handler_is_refused(part: object, why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        CommandBus([part])


async def test_middleware_runs_from_the_first_to_the_last() -> None:
    seen: list[str] = []

    def noting(name: str) -> Any:
        def wrap(route: Route, after: Step) -> Step:
            async def run(message: Any) -> Any:
                seen.append(f"{name} {route.name}")
                return await after(message)

            return run

        return wrap

    await CommandBus([Shelf()], middleware=[noting("one"), noting("two")]).execute(Take(sku="a"))
    assert seen == ["one Take", "two Take"]
