from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shop.customers.tally import Tally, percentile
from shop.demo.display import line_of, table_of
from shop.demo.summary import Summary, lines_of

TIMES = st.lists(st.floats(0, 100), min_size=1, max_size=50)


def summary(*, wrong: list[str] | None = None, confirmed: int = 1, left: list[str] | None = None) -> Summary:
    tally = Tally(began=0.0, customers=2)
    for _ in range(confirmed):
        tally.confirm(0.5, now=4.0)
    return Summary(
        tally=tally,
        kills={"order": 0.7},
        violations={"it adds up": wrong or []},
        memory=5 * 10**8,
        left_running=left or [],
    )


@given(TIMES)
def test_the_median_has_half_of_the_values_on_either_side(values: list[float]) -> None:
    median = percentile(values, 0.5)
    assert sum(each <= median for each in values) * 2 >= len(values)
    assert sum(each >= median for each in values) * 2 >= len(values)


@given(TIMES)
def test_a_percentile_is_one_of_the_values_and_grows(values: list[float]) -> None:
    assert percentile(values, 0.5) in values
    assert percentile(values, 0.5) <= percentile(values, 0.95) <= max(values)


def test_no_values_have_no_percentile() -> None:
    assert percentile([], 0.5) == 0.0


def test_only_the_first_order_sets_the_time_to_the_first_order() -> None:
    tally = Tally(began=10.0, customers=2)
    tally.confirm(0.1, now=14.0)
    tally.confirm(0.1, now=19.0)
    assert tally.first_order == 4.0


async def test_who_waits_for_a_condition_is_woken_by_the_change_that_brings_it() -> None:
    tally = Tally(began=0.0, customers=4)
    waiting = asyncio.create_task(tally.until(lambda: tally.half_way))
    for _ in range(2):
        tally.finish()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await waiting


def test_the_state_of_a_demo_fits_in_one_line_and_in_a_table() -> None:
    tally = Tally(began=0.0, customers=9, finished=4, confirmed=3)
    tally.cancel("out_of_stock")
    assert line_of(tally).startswith("4/9 customers done, 0 in checkout, 3 orders confirmed, 1 cancelled")
    assert table_of(tally).row_count == 6


def test_a_demo_in_which_everything_held_is_good() -> None:
    assert summary().good
    assert "orders confirmed   1" in lines_of(summary())


def test_a_demo_with_a_violation_or_no_order_or_something_left_running_is_not() -> None:
    assert not summary(wrong=["order o1 is still placed"]).good
    assert not summary(confirmed=0).good
    assert not summary(left=["envoy"]).good


def test_a_summary_names_what_is_wrong_but_not_endlessly() -> None:
    lines = lines_of(summary(wrong=[f"order o{number} is still placed" for number in range(9)], left=["envoy"]))
    assert "    order o0 is still placed" in lines
    assert "    and 4 more" in lines
    assert lines[-1].endswith("left running: envoy")


def test_a_customer_who_was_let_down_spoils_a_demo() -> None:
    let_down = summary()
    let_down.tally.lose("checkout: 500")
    assert not let_down.good
    assert any("1 checkout: 500" in line for line in lines_of(let_down))
