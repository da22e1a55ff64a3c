"""A projection is declared in a class, and one that cannot work is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atoll.contracts import Event
from atoll.core.errors import DeclarationError
from atoll.eventstore import EVERYTHING, RecordedEvent
from atoll.projections import Projection, View, projects
from atoll.projections.declare import Reading, views_of
from atoll.projections.view import filled_in, statements


class Happened(Event, event_type="test.Happened.v1"):
    pass


def test_a_projection_is_named_after_its_class_and_reads_the_types_it_handles() -> None:
    class OrderList(Projection):
        @projects(Happened, "test.Raw")
        async def both(self, event: object, view: View) -> None: ...

    assert OrderList.name == "order_list"
    assert {each for one in Reading(OrderList()).query.criteria for each in one.types} == {
        "test.Happened.v1",
        "test.Raw",
    }


def test_a_handler_of_everything_reads_everything() -> None:
    class Audit(Projection):
        @projects()
        async def anything(self, event: RecordedEvent, view: View) -> None: ...

    assert Reading(Audit()).query == EVERYTHING


def no_handler() -> object:
    class Empty(Projection):
        pass

    return Empty


def bad_name() -> object:
    class Named(Projection):
        name = "Order List"

        @projects(Happened)
        async def one(self, event: Happened, view: View) -> None: ...

    return Named


def bad_partitions() -> object:
    class Parts(Projection):
        partitions = 0

        @projects(Happened)
        async def one(self, event: Happened, view: View) -> None: ...

    return Parts


def two_handlers() -> object:
    class Twice(Projection):
        @projects(Happened)
        async def one(self, event: Happened, view: View) -> None: ...

        @projects(Happened)
        async def two(self, event: Happened, view: View) -> None: ...

    return Twice


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (no_handler, "Empty handles no event; mark its methods with @projects"),
        (bad_name, "Named: 'Order List' cannot name a projection"),
        (bad_partitions, "partitions are from 1 to 256"),
        (two_handlers, "Twice has two handlers for 'test.Happened.v1'; join them"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declare: Callable[[], object], text: str) -> None:
    with pytest.raises(DeclarationError, match=text):
        declare()


def test_tables_are_named_in_braces_and_other_braces_stay() -> None:
    script = "CREATE TABLE {a} (x TEXT DEFAULT '{}'); CREATE INDEX {a}_x ON {a} (x); create table {b} (y TEXT);"
    assert views_of(script) == ["a", "b"]
    assert filled_in(script, {"a": "a__1"}).startswith("CREATE TABLE a__1 (x TEXT DEFAULT '{}'); CREATE INDEX a__1_x")


def test_a_script_is_cut_into_statements_but_not_within_text() -> None:
    assert [each.strip() for each in statements("CREATE TABLE a (x TEXT DEFAULT ';');\n\nCREATE TABLE b (y TEXT)")] == [
        "CREATE TABLE a (x TEXT DEFAULT ';')",
        "CREATE TABLE b (y TEXT)",
    ]
    assert list(statements("  \n ")) == []
