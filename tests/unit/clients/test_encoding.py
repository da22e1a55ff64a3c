from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.clients.port import Request
from atoll.clients.transport.encoding import encode_request

tokens = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).filter(
    lambda name: name not in {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"}
)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)


class Parsed:
    """What a server makes of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.target, self.body, self.complete = b"", b"", 0
        self.headers: dict[str, str] = {}
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method = parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    st.text("abc/%20?&=123", max_size=30).map(lambda text: f"/{text}"),
    st.dictionaries(tokens, values, max_size=5),
    st.binary(max_size=100),
)
def test_a_server_reads_what_was_asked(method: str, target: str, headers: dict[str, str], body: bytes) -> None:
    request = Request(method=method, target=target, headers=headers, body=body)
    parsed = Parsed(encode_request(request, "127.0.0.1:80"))
    assert (parsed.method, parsed.target.decode(), parsed.body) == (method, target, body)
    own = {"host": "127.0.0.1:80", "content-length": str(len(body))}
    assert parsed.headers | own == headers | own
    assert parsed.complete == 1


def test_a_get_without_a_body_has_no_length() -> None:
    assert b"content-length" not in encode_request(Request(method="GET", target="/"), "h")


def test_a_post_without_a_body_has_the_length_zero() -> None:
    assert b"content-length: 0" in encode_request(Request(method="POST", target="/"), "h")


@pytest.mark.parametrize("value", ["1\r\nx: 2", "1\nx: 2", "1\r", "a\0b"])
def test_a_header_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break or NUL"):
        encode_request(Request(method="GET", target="/", headers={"baggage": value}), "h")


@pytest.mark.parametrize("target", ["/a b", "/a HTTP/1.1\r\nx: 1", "/\n"])
def test_a_target_cannot_break_out_of_the_request_line(target: str) -> None:
    with pytest.raises(ValueError, match="contains a"):
        encode_request(Request(method="GET", target=target), "h")


@pytest.mark.parametrize("name", ["host", "content-length", "transfer-encoding", "connection"])
def test_framing_is_left_to_the_transport(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        encode_request(Request(method="GET", target="/", headers={name: "1"}), "h")


def test_a_header_outside_latin_1_is_refused() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        encode_request(Request(method="GET", target="/", headers={"x": "\u0416"}), "h")
