"""What stands in a log line, and how each form of it looks."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import context as contexts
from atoll.observability.log_line import fields_of, json_line, text_line

FIELDS = {"ts": 0.0, "level": "INFO", "logger": "shop", "service": "order", "instance": "0", "msg": "hello"}


def record(message: str = "hello %s", *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop.order", logging.WARNING, __file__, 1, message, args, None)
    vars(made).update(extra)
    return made


def failed() -> logging.LogRecord:
    made = record("it failed")
    try:
        raise KeyError("sku")
    except KeyError:
        made.exc_info = sys.exc_info()
    return made


def fields(made: logging.LogRecord) -> dict[str, Any]:
    return fields_of(made, "order", "1")


def test_a_line_says_when_how_bad_who_and_what() -> None:
    made = record("hello %s", "you")
    assert fields(made) == {
        "ts": made.created,
        "level": "WARNING",
        "logger": "shop.order",
        "service": "order",
        "instance": "1",
        "msg": "hello you",
    }


def test_within_a_request_a_line_has_its_ids() -> None:
    with contexts.use(contexts.new_context()) as context:
        line = fields(record("hello"))
    assert (line["trace_id"], line["request_id"]) == (context.trace.trace_id, context.request_id)


def test_outside_any_request_no_id_is_made_up() -> None:
    assert not {"trace_id", "request_id"} & fields(record("hello")).keys()


def test_extra_fields_stand_under_their_own_names() -> None:
    assert fields(record("hello", sku="A-1", quantity=2)).items() >= {"sku": "A-1", "quantity": 2}.items()


def test_an_extra_field_cannot_take_the_place_of_ours() -> None:
    line = fields(record("hello", service="elsewhere"))
    assert (line["service"], line["service_"]) == ("order", "elsewhere")


def test_an_exception_is_one_field() -> None:
    assert fields(failed())["exception"].endswith("KeyError: 'sku'")


def test_exc_info_without_an_exception_adds_nothing() -> None:
    made = record("hello")
    made.exc_info = (None, None, None)
    assert "exception" not in fields(made)


def test_a_stack_asked_for_is_one_field() -> None:
    made = record("hello")
    made.stack_info = "Stack (most recent call last):"
    assert fields(made)["stack"].startswith("Stack")


def test_json_is_one_line_whatever_the_message_holds() -> None:
    line = json_line(FIELDS | {"msg": "two\nlines \x1b[31m"})
    assert not {"\n", "\x1b"} & set(line)


def test_json_writes_what_it_does_not_know_as_its_repr() -> None:
    assert json.loads(json_line(FIELDS | {"where": object}))["where"] == "<class 'object'>"


def test_a_lone_surrogate_does_not_lose_the_line() -> None:
    assert json.loads(json_line(FIELDS | {"name": "\ud800"}))["name"] == "\ud800"


def test_a_structure_without_end_does_not_lose_the_line() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert json.loads(json_line(FIELDS | {"x": endless}))["msg"] == "hello"


@given(st.dictionaries(st.text(), st.none() | st.floats() | st.text() | st.binary() | st.lists(st.integers())))
def test_every_extra_field_makes_a_line_that_can_be_read(extra: dict[str, Any]) -> None:
    made = record("hello", **{f"x{name}": value for name, value in extra.items()})
    assert json.loads(json_line(fields(made)))["msg"] == "hello"


def test_text_has_the_message_and_the_details_in_view() -> None:
    assert "INFO     order  hello  sku=A-1" in text_line(FIELDS | {"sku": "A-1"}, colour=False)


def test_a_replica_is_told_by_its_number() -> None:
    assert "INFO     order-2  hello" in text_line(FIELDS | {"instance": "2"}, colour=False)


def test_text_quotes_a_value_with_spaces() -> None:
    assert "name='two words'" in text_line(FIELDS | {"name": "two words"}, colour=False)


def test_text_shortens_ids_to_what_tells_them_apart() -> None:
    line = text_line(FIELDS | {"trace_id": "a" * 32, "request_id": "0190-12345678"}, colour=False)
    assert line.endswith("trace=aaaaaaaa request=12345678")


def test_text_puts_a_traceback_on_lines_of_its_own() -> None:
    assert "\n    Traceback" in text_line(fields(failed()), colour=False)


def test_text_without_colour_has_no_escapes() -> None:
    assert "\x1b" not in text_line(FIELDS | {"trace_id": "a" * 32}, colour=False)


@pytest.mark.parametrize(("level", "code"), [("ERROR", "31"), ("WARNING", "33"), ("INFO", "32")])
def test_text_with_colour_shows_the_level_by_it(level: str, code: str) -> None:
    assert f"\x1b[{code}m{level}" in text_line(FIELDS | {"level": level}, colour=True)


@given(st.text(), st.text())
def test_what_users_send_cannot_move_the_cursor_or_fake_a_line(message: str, value: str) -> None:
    line = text_line(FIELDS | {"msg": message, "value": value}, colour=False)
    assert not any(ord(each) < 32 and each not in "\n\t" for each in line)
    assert all(each.startswith("    ") for each in line.split("\n")[1:])
