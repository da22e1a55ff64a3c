"""What is sent, and what is refused before anything is."""

import pytest

from atoll.discovery.http import BadReply, Request, fetch, request_head


def lines(request: Request) -> list[str]:
    return request_head(request).decode().split("\r\n")


def test_a_request_names_target_and_host() -> None:
    assert lines(Request(url="http://u:p@host:81/a/b?c=d#e"))[:2] == ["GET /a/b?c=d HTTP/1.1", "Host: host:81"]


def test_an_address_without_a_path_asks_for_the_root() -> None:
    assert lines(Request(url="http://host"))[0] == "GET / HTTP/1.1"


def test_a_body_is_announced() -> None:
    assert "Content-Length: 2" in lines(Request(method="PUT", url="http://host/", body=b"{}"))


def test_a_put_without_a_body_says_so() -> None:
    assert "Content-Length: 0" in lines(Request(method="PUT", url="http://host/"))


def test_given_headers_win() -> None:
    assert "Host: other" in lines(Request(url="http://host/", headers={"Host": "other"}))


@pytest.mark.parametrize(
    "request_",
    [
        Request(url="ftp://host/"),
        Request(url="http:///x"),
        Request(url="http://["),
        Request(url="http://host:99999/"),
        Request(url="http://host/a b"),
        Request(url="http://host/é"),
        Request(url="http://host/", method="GET /x HTTP/1.1\r\nX:"),
        Request(url="http://host/", headers={"X": "a\r\nY: b"}),
    ],
    ids=lambda each: repr(each.url),
)
async def test_what_cannot_be_written_as_a_request_is_an_error(request_: Request) -> None:
    with pytest.raises(BadReply, match="cannot be asked"):
        await fetch(request_, timeout=1)
