"""A policy that cannot work is refused where it is written."""

from __future__ import annotations

import pytest

from atoll.core import DeclarationError
from atoll.gateway import Cors, Gateway


@pytest.mark.parametrize("origin", ["https://shop.test", "http://localhost:3000", "https://[::1]:8443"])
def test_an_exact_origin_is_taken(origin: str) -> None:
    assert Cors(origins=(origin,)).origins == (origin,)


@pytest.mark.parametrize("origin", ["*", "shop.test", "https://shop.test/", "https://*.test", "ftp://a", "https://a'b"])
def test_anything_but_an_exact_origin_is_refused(origin: str) -> None:
    with pytest.raises(DeclarationError, match=r"must be like 'https://shop.example.com'"):
        Cors(origins=(origin,))


def test_a_host_that_is_no_address_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"must be an IP address such as '127.0.0.1'"):
        Gateway(host="localhost")


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(DeclarationError, match="must be from 1 to 65535, or None for any free port"):
        Gateway(port=port)


def test_a_collector_must_be_a_url() -> None:
    with pytest.raises(DeclarationError, match=r"must be a URL such as 'http://127.0.0.1:4318'"):
        Gateway(otlp="collector")
