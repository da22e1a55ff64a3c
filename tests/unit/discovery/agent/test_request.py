"""How the parameters of a request are read."""

import pytest

from atoll.discovery import RegistryRefused
from atoll.discovery.agent.request import Query, check_options, read_blocking, read_parameters


def query(text: str) -> Query:
    return Query(parameters=read_parameters(text.encode()))


@pytest.mark.parametrize("text", ["passing", "passing=", "passing=1", "passing=true"])
def test_a_flag_is_set_alone_or_by_a_true_value(text: str) -> None:
    assert query(text).flag("passing")


@pytest.mark.parametrize("text", ["", "passing=0", "passing=false"])
def test_a_flag_is_not_set_when_absent_or_false(text: str) -> None:
    assert not query(text).flag("passing")


def test_a_flag_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(RegistryRefused, match="Invalid value for \\?passing"):
        query("passing=perhaps").flag("passing")


def test_without_an_index_a_query_does_not_wait() -> None:
    assert read_blocking(query("wait=10s"))[0] == 0


@pytest.mark.parametrize(("text", "seconds"), [("", 300), ("&wait=10s", 10), ("&wait=2h", 600), ("&wait=0s", 300)])
def test_a_query_waits_five_minutes_unless_told_and_ten_at_most(text: str, seconds: float) -> None:
    assert read_blocking(query(f"index=7{text}")) == (7, seconds)


@pytest.mark.parametrize("text", ["index=x", "index=-1", "index=1.5", "index=%C2%B2", "index=" + "9" * 30])
def test_an_index_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(RegistryRefused, match="Invalid index"):
        read_blocking(query(text))


def test_a_wait_that_is_no_duration_is_refused() -> None:
    with pytest.raises(RegistryRefused, match="Invalid wait time"):
        read_blocking(query("index=1&wait=long"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [("stale&consistent", "conflicting"), ("filter=x", "not supported"), ("dc=dc9", "No path to datacenter")],
)
def test_what_cannot_be_honoured_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RegistryRefused, match=reason):
        check_options(query(text), "dc1")


@pytest.mark.parametrize("text", ["stale", "consistent", "dc=dc1", "near=_agent"])
def test_what_changes_nothing_here_is_accepted(text: str) -> None:
    check_options(query(text), "dc1")


@pytest.mark.parametrize("text", ["a&" * 200, "a=é"])
def test_a_query_string_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RegistryRefused, match="Invalid query string"):
        query(text)
