"""Which request leads where."""

import pytest

from atoll.discovery.agent.routes import WrongMethod, find, missing

TABLE = {"/v1/services": "all", "/v1/service/": "one"}


def test_a_path_is_found_whole() -> None:
    assert find(TABLE, "/v1/services") == ("all", "")


@pytest.mark.parametrize("argument", ["web", "", "a/b", "web?"])
def test_a_route_that_ends_in_a_slash_takes_the_rest(argument: str) -> None:
    assert find(TABLE, f"/v1/service/{argument}") == ("one", argument)


@pytest.mark.parametrize("path", ["/", "", "/v1/services/", "/v1/service", "/v2/services"])
def test_a_path_that_is_not_there_is_not_found(path: str) -> None:
    assert find(TABLE, path) is None


def test_a_path_of_another_method_tells_which() -> None:
    refusal = missing("POST", "/v1/services", ("PUT", {}), ("GET", TABLE))
    assert isinstance(refusal, WrongMethod)
    assert (refusal.status, refusal.allow) == (405, "GET")


def test_a_path_of_no_method_is_not_found() -> None:
    assert missing("GET", "/v1/kv/x", ("GET", TABLE)).status == 404
