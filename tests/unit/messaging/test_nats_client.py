from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from atoll.messaging.nats.client import QuickClient

NAMES = st.text(string.ascii_letters + "-", min_size=1)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))


@given(st.dictionaries(NAMES, VALUES))
def test_headers_are_read_as_the_client_of_nats_py_reads_them(headers: dict[str, str]) -> None:
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
    assert QuickClient._parse_header_lines(raw) == Client._parse_header_lines(raw)


def test_what_is_no_header_is_left_out() -> None:
    raw = "plain: 1\r\n\r\nno colon\r\ntwo words: 2\r\nümlaut: 3\r\n:4\r\ntight:5\r\n".encode()
    assert QuickClient._parse_header_lines(raw) == {"plain": "1", "tight": "5"}
