from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atoll.clients.errors import ConnectionFailed, MalformedReply
from atoll.clients.port import Reply
from atoll.clients.transport import Limits
from atoll.clients.transport.parsing import ReplyParser

LIMITS = Limits(max_header=2000, max_body=5000)


def parse(*pieces: bytes, method: str = "GET", limits: Limits = LIMITS) -> ReplyParser:
    parser = ReplyParser(limits)
    parser.begin(method)
    for piece in pieces:
        parser.feed(piece)
    return parser


def parsed(*pieces: bytes) -> Reply:
    found = parse(*pieces).reply
    assert found is not None
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(marks)]


def chunked(body: bytes, size: int, trailer: bytes) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n" + trailer + b"\r\n"


@st.composite
def wire_replies(draw: st.DrawFn) -> tuple[bytes, Reply]:
    status, body = draw(st.sampled_from([200, 201, 404, 500])), draw(st.binary(max_size=200))
    names = st.sampled_from(["content-type", "X-Request-Id", "server"])
    headers = draw(st.dictionaries(names, st.text("abc/;= 123", max_size=20).map(str.strip), max_size=3))
    framing, framed = draw(
        st.sampled_from(
            [
                ({"content-length": str(len(body))}, body),
                ({"Transfer-Encoding": "chunked"}, chunked(body, 7, b"")),
                ({"transfer-encoding": "chunked"}, chunked(body, 1, b"x-sum: 12\r\n")),
            ]
        )
    )
    interim = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"])
    )
    lines = [f"HTTP/1.1 {status} Reason"] + [f"{name}: {value}" for name, value in (headers | framing).items()]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    expected = {name.lower(): value for name, value in (headers | framing).items()}
    return interim + head + framed, Reply(status=status, headers=expected, body=body)


@given(wire_replies(), st.lists(st.integers(0, 10**6), max_size=30))
def test_a_reply_is_the_same_wherever_its_chunks_are_cut(wire: tuple[bytes, Reply], places: list[int]) -> None:
    data, expected = wire
    parser = parse(*cut(data, places))
    assert parser.reply == expected
    assert parser.reusable


@given(st.lists(wire_replies(), min_size=2, max_size=4), st.lists(st.integers(0, 10**6), max_size=10))
def test_one_connection_parses_reply_after_reply(wires: list[tuple[bytes, Reply]], places: list[int]) -> None:
    parser = ReplyParser(LIMITS)
    for data, expected in wires:
        parser.begin("GET")
        for piece in cut(data, places):
            parser.feed(piece)
        assert parser.reply == expected


@given(wire_replies(), st.integers(0, 10**6))
def test_a_reply_that_ends_too_early_is_a_broken_connection(wire: tuple[bytes, Reply], place: int) -> None:
    data, _ = wire
    short = data[: place % len(data)]
    parser = parse(*([short] if short else []))
    with pytest.raises(ConnectionFailed) as caught:
        parser.end()
    assert caught.value.sent
    assert caught.value.answered == bool(short)


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=10))
@example([b"HTTP/1.1 200 OK\r\n", b"\xff: 1\r\n\r\n"])
@example([b"HTTP/1.1 999999 OK\r\n\r\n"])
def test_garbage_is_a_malformed_reply_and_nothing_else(pieces: list[bytes]) -> None:
    parser = ReplyParser(LIMITS)
    parser.begin("GET")
    try:
        for piece in pieces:
            parser.feed(piece)
        parser.end()
    except (MalformedReply, ConnectionFailed):
        assert not parser.reusable or parser.reply is None


def test_a_reply_without_a_length_ends_with_the_connection() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd")
    assert parser.reply is None
    parser.end()
    assert parser.reply == Reply(status=200, headers={}, body=b"abcd")


def test_a_connection_is_not_reused_after_a_reply_that_ended_with_it() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\n\r\nab")
    parser.end()
    assert not parser.reusable


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nconnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
def test_a_connection_is_not_reused_when_the_server_will_close_it(head: bytes) -> None:
    parser = parse(head + b"content-length: 1\r\n\r\nx")
    assert parser.reply is not None
    assert not parser.reusable


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_without_a_body_by_its_status_is_complete_at_once(status: int) -> None:
    assert parsed(b"HTTP/1.1 %d None\r\n\r\n" % status).body == b""


def test_the_reply_to_head_has_no_body_whatever_its_length_says() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", method="HEAD")
    assert parser.reply is not None
    assert parser.reply.body == b""
    assert not parser.reusable


def test_a_header_that_is_repeated_is_joined() -> None:
    reply = parsed(b"HTTP/1.1 204 None\r\nvary: Origin\r\nVary: Accept\r\n\r\n")
    assert reply.headers == {"vary": "Origin, Accept"}


def test_a_header_may_be_empty() -> None:
    reply = parsed(b"HTTP/1.1 204 None\r\nx-empty:\r\nx-full: 1\r\n\r\n")
    assert reply.headers == {"x-empty": "", "x-full": "1"}


def test_a_trailer_is_not_taken_for_a_header() -> None:
    assert "x-sum" not in parsed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n").headers


@pytest.mark.parametrize(
    "wrong",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_breaks_the_grammar_is_refused(wrong: bytes) -> None:
    with pytest.raises(MalformedReply):
        parse(wrong)


@pytest.mark.parametrize("piece", [b"x: 1\r\n", b"x" * 50, b"x: " + b"y" * 50])
def test_a_header_without_an_end_is_refused_at_the_limit(piece: bytes) -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(MalformedReply, match="2000 bytes"):
        for _ in range(LIMITS.max_header):
            parser.feed(piece)


def test_a_header_above_the_limit_is_refused_even_in_one_piece() -> None:
    with pytest.raises(MalformedReply, match="2000 bytes"):
        parse(b"HTTP/1.1 204 None\r\nx: " + b"y" * 2000 + b"\r\n\r\n")


def test_a_trailer_without_an_end_is_refused() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nt: ")
    with pytest.raises(MalformedReply):
        for _ in range(LIMITS.max_header):
            parser.feed(b"y" * 10)


def test_a_body_above_the_limit_is_refused_before_it_is_all_there() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    with pytest.raises(MalformedReply, match="5000 bytes"):
        for _ in range(6):
            parser.feed(b"y" * 1000)


def test_a_body_up_to_the_limit_is_taken() -> None:
    assert len(parsed(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"y" * 5000).body) == 5000


def test_bytes_after_the_reply_leave_it_whole_and_end_the_connection() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\ny")
    assert parser.reply is not None
    assert parser.reply.body == b"x"
    assert not parser.reusable
