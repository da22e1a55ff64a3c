from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from atoll.clients import CallTimedOut, ConnectionFailed, HTTPTransport, Limits
from tests.integration.clients.servers import PATIENCE, SAFE, Peer, Server, polite


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(hours=1))
    made = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_requests_travel_over_tls_and_share_a_connection(certificate: Path, serving: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    async with Server(polite, ssl=serving) as server, HTTPTransport(ssl=trusting) as transport:
        replies = [await transport.send(server.instance, SAFE, timeout=PATIENCE) for _ in range(3)]
    assert [each.body for each in replies] == [b"ok"] * 3
    assert server.connections == 1


async def test_a_certificate_nobody_vouches_for_fails_the_connection(serving: ssl.SSLContext) -> None:
    strict = ssl.create_default_context()
    async with Server(polite, ssl=serving) as server, HTTPTransport(ssl=strict) as transport:
        with pytest.raises(ConnectionFailed, match="certificate verify failed") as caught:
            await transport.send(server.instance, SAFE, timeout=PATIENCE)
    assert not caught.value.sent
    assert server.requests == []


async def mute(peer: Peer) -> None:
    """Accept the connection and never shake hands."""
    await peer.gone()


async def test_a_connection_that_is_never_made_fails_in_its_own_time() -> None:
    limits = Limits(connect_timeout=0.05)
    async with Server(mute) as server, HTTPTransport(ssl=ssl.create_default_context(), limits=limits) as transport:
        with pytest.raises(ConnectionFailed, match=r"no connection within 0\.05 s") as caught:
            await transport.send(server.instance, SAFE, timeout=PATIENCE)
    assert not caught.value.sent


async def test_a_request_does_not_wait_longer_than_its_time_for_a_connection() -> None:
    async with Server(mute) as server, HTTPTransport(ssl=ssl.create_default_context()) as transport:
        with pytest.raises(CallTimedOut):
            await transport.send(server.instance, SAFE, timeout=0.05)
