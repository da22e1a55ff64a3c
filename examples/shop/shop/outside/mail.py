"""A mail server in one process: takes messages over SMTP and appends them to a mailbox file, one JSON line each.

Besides SMTP it speaks one private command (RFC 5321 §4.1.5), so that tools can check what arrived:

    XMAILBOX <limit> [<after>]    250 with a line `<Message-ID> <copies>` for each id behind `after`, in order
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path
from typing import Any

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

from shop.outside.options import Faults, Options, read_options


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it arrived. `id` is its Message-ID without angle brackets; `time` in epoch seconds."""

    id: str
    to: list[str]
    subject: str
    body: str
    time: float


class Mailbox:
    """An append-only file of messages; what it has is known by Message-ID."""

    def __init__(self, path: Path) -> None:
        self.copies: Counter[str] = Counter()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._recover(path.read_bytes())

    def add(self, mail: Mail) -> None:
        """Keep a message; returns when it is on the disk."""
        os.write(self._file, msgspec.json.encode(mail) + b"\n")
        os.fsync(self._file)
        self.copies[mail.id] += 1

    def _recover(self, content: bytes) -> None:
        """Count what is there; a last line that a crash cut short was never answered for, so it goes."""
        whole = content.rfind(b"\n") + 1
        os.truncate(self._file, whole)
        decoder = msgspec.json.Decoder(Mail)
        self.copies.update(decoder.decode(line).id for line in content[:whole].splitlines())

    def page(self, after: str, limit: int) -> list[tuple[str, int]]:
        """Return ids behind `after` in order, each with how many copies of it came."""
        return [(name, self.copies[name]) for name in sorted(self.copies) if name > after][:limit]

    def close(self) -> None:
        os.close(self._file)


class MailHandler:
    """What the SMTP server does with a message."""

    def __init__(self, mailbox: Mailbox, faults: Faults) -> None:
        self.mailbox = mailbox
        self._faults = faults

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = self._faults.next_fault()
        await asyncio.sleep(self._faults.next_delay())
        if fault == "refused":
            return "451 4.3.0 try again later"
        self.mailbox.add(read_mail(envelope.content, list(envelope.rcpt_tos)))
        if fault == "lost" and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "250 2.0.0 kept"


class MailServer(SMTP):
    """SMTP with the private command that reads the mailbox."""

    def __init__(self, handler: MailHandler, **options: Any) -> None:
        self.mailbox = handler.mailbox
        super().__init__(handler, hostname="mail.example", **options)

    async def smtp_XMAILBOX(self, arg: str | None) -> None:  # noqa: N802
        """Tell what is in the mailbox."""
        limit, _, after = (arg or "").partition(" ")
        if not limit.isdecimal():
            await self.push("501 5.5.4 XMAILBOX <limit> [<after>]")
            return
        lines = [f"{name} {copies}" for name, copies in self.mailbox.page(after, int(limit))]
        replies = [f"250-{line}" for line in lines] + [f"250 {len(lines)} listed"]
        await self.push("\r\n".join(replies))


def read_mail(content: bytes | str | None, to: list[str]) -> Mail:
    """Return the message in a DATA block."""
    raw = content.encode() if isinstance(content, str) else content or b""
    message = message_from_bytes(raw, policy=modern)
    body = message.get_body(("plain",))
    return Mail(
        id=str(message.get("Message-ID", "")).strip().strip("<>"),
        to=to,
        subject=str(message.get("Subject", "")),
        body=str(body.get_content()) if body is not None else "",
        time=time.time(),
    )


async def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM."""
    mailbox = Mailbox(options.data / "mail.jsonl")
    faults = Faults(failing=options.failing, slow=options.slow, seed=options.seed)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    handler = MailHandler(mailbox, faults)
    server = await loop.create_server(
        lambda: MailServer(handler, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", options.port
    )
    try:
        await stopping.wait()
    finally:
        server.close()
        mailbox.close()


if __name__ == "__main__":
    asyncio.run(serve(read_options("mail", sys.argv[1:])))
