"""What the services are given besides each other: the catalogue, the card network, the mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from atoll.core import AtollError, Settings, SettingsError
from shop.catalogue import Catalogue, make_catalogue
from shop.contracts.notification import Delivered
from shop.contracts.payment import CardDeclined, NetworkEntry
from shop.contracts.values import Money
from shop.services.notification.domain import SENDER, Mail, Mailer
from shop.services.payment.domain import Captured, CardNetwork

CARD_SECONDS: Final = 3.0
MAIL_SECONDS: Final = 5.0
MAILBOX_LINES: Final = 200
"""So many lines of some eighty characters stay within the 32 KiB that aiosmtplib takes as one response."""


class CardNetworkUnavailable(AtollError):
    """The card network did not answer, or not in time: what it did is unknown. Ask again under the same key."""

    code = "unavailable"
    retryable = True


class CardNetworkRefused(AtollError):
    """The card network does not understand us; asking again will not help."""


class MailServerUnavailable(AtollError):
    """The mail server did not take the message for now, or its answer was lost. Send it again."""

    code = "unavailable"
    retryable = True


class MailRefused(AtollError):
    """The mail server will never take this message."""


class _Declined(msgspec.Struct, frozen=True):
    reason: str


class HTTPCardNetwork:
    """The card network over HTTP."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def capture(self, key: str, amount: Money, card: str) -> Captured:
        body = {"amount": amount.amount, "currency": amount.currency, "card": card}
        answer = await self._call("POST", "/charges", key=key, body=body)
        return msgspec.json.decode(answer, type=Captured)

    async def refund(self, key: str) -> None:
        await self._call("POST", "/refunds", key=key, body={"key": key})

    async def ledger(self, after: str, limit: int) -> list[NetworkEntry]:
        answer = await self._call("GET", "/ledger", query={"after": after, "limit": str(limit)})
        return msgspec.json.decode(answer, type=list[NetworkEntry])

    async def _call(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        body: object = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        headers = {"Idempotency-Key": key} if key else {}
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._session.request(method, path, data=data, headers=headers, params=query) as response:
                return _checked(response, await response.read())
        except (ClientError, TimeoutError) as error:
            raise CardNetworkUnavailable(
                f"the card network did not answer {path}: {error or 'no answer in time'}"
            ) from error


def _checked(response: ClientResponse, body: bytes) -> bytes:
    if response.status == 402:
        raise CardDeclined(reason=msgspec.json.decode(body, type=_Declined).reason)
    if response.status >= 500:
        raise CardNetworkUnavailable(f"the card network answered {response.status}")
    if response.status >= 400:
        raise CardNetworkRefused(f"the card network answered {response.status}: {body[:200]!r}")
    return body


class SMTPMailer:
    """The mail server over SMTP, a connection for each message."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def send(self, mail: Mail) -> None:
        message = EmailMessage()
        message["Message-ID"] = f"<{mail.id}>"
        message["From"], message["To"], message["Subject"] = SENDER, mail.to, mail.subject
        message.set_content(mail.body)
        try:
            async with self._connection() as smtp:
                await smtp.send_message(message)
        except (SMTPException, OSError) as error:
            raise _mail_error(error) from error

    async def delivered(self, after: str, limit: int) -> list[Delivered]:
        command = f"XMAILBOX {min(limit, MAILBOX_LINES)} {after}".strip().encode()
        try:
            async with self._connection() as smtp:
                response = await smtp.execute_command(command)
        except (SMTPException, OSError) as error:
            raise _mail_error(error) from error
        lines = [line.rpartition(" ") for line in response.message.splitlines()[:-1]]
        return [Delivered(name, int(copies)) for name, _, copies in lines]

    def _connection(self) -> SMTP:
        return SMTP(hostname=self._host, port=self._port, timeout=MAIL_SECONDS, start_tls=False)


def _mail_error(error: Exception) -> AtollError:
    if isinstance(error, SMTPResponseException) and error.code >= 500:
        return MailRefused(f"the mail server refused a message: {error}")
    return MailServerUnavailable(f"the mail server did not take a message: {error or 'no answer in time'}")


def catalogue() -> Catalogue:
    """What the shop sells on its first day."""
    return make_catalogue()


async def card_network(settings: Settings) -> AsyncIterator[CardNetwork]:
    """The card network at CARDNET_URL."""
    url = _url(settings, "CARDNET_URL", "http")
    async with ClientSession(url, timeout=ClientTimeout(total=CARD_SECONDS)) as session:
        yield HTTPCardNetwork(session)


def mailer(settings: Settings) -> Mailer:
    """The mail server at MAIL_URL."""
    parts = urlsplit(_url(settings, "MAIL_URL", "smtp"))
    return SMTPMailer(parts.hostname or "", parts.port or 25)


def _url(settings: Settings, name: str, scheme: str) -> str:
    url = settings.environ.get(name, "")
    parts = urlsplit(url)
    if parts.scheme != scheme or not parts.hostname:
        raise SettingsError([f"{name} is {url!r}, but must be like {scheme}://host:port"])
    return url
