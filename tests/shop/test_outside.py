"""The world outside, over real connections: the card network and the mail server, and our adapters of them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from atoll.core import Settings, SettingsError
from shop.contracts.notification import Delivered
from shop.contracts.payment import CardDeclined, NetworkEntry
from shop.contracts.values import Money
from shop.outside.cardnet import Books, CardNetworkServer
from shop.outside.mail import Mailbox, MailHandler, MailServer
from shop.outside.options import Fault, Faults, read_options
from shop.providers import (
    CardNetworkRefused,
    CardNetworkUnavailable,
    HTTPCardNetwork,
    MailServerUnavailable,
    SMTPMailer,
    card_network,
    mailer,
)
from shop.services.notification.domain import Mail

PRICE = Money(1999)
MAIL = Mail(id="order_confirmed.o1@shop.example", to="ann@example.org", subject="Döner", body="Grüße\n")


class Scripted(Faults):
    """Faults in a given order, then none; never slow."""

    def __init__(self, *faults: Fault) -> None:
        self._script: Iterator[Fault] = iter(faults)

    def next_fault(self) -> Fault:
        return next(self._script, "none")

    def next_delay(self) -> float:
        return 0.0


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


@asynccontextmanager
async def network(path: Path, *faults: Fault, timeout: float = 5.0) -> AsyncGenerator[HTTPCardNetwork]:
    books = Books(path / "cardnet.db")
    runner = web.AppRunner(CardNetworkServer(books, Scripted(*faults)).app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with ClientSession(_url(runner), timeout=ClientTimeout(total=timeout)) as session:
            yield HTTPCardNetwork(session)
    finally:
        await runner.cleanup()
        books.close()


@asynccontextmanager
async def mail_server(path: Path, *faults: Fault) -> AsyncGenerator[SMTPMailer]:
    mailbox = Mailbox(path / "mail.jsonl")
    handler = MailHandler(mailbox, Scripted(*faults))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: MailServer(handler, loop=loop), "127.0.0.1", 0)
    try:
        yield SMTPMailer("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        mailbox.close()


async def test_a_charge_is_made_once_for_its_key(tmp_path: Path) -> None:
    async with network(tmp_path) as cards:
        first = await cards.capture("k1", PRICE, "tok_visa_4242")
        assert await cards.capture("k1", PRICE, "tok_visa_4242") == first
        assert await cards.ledger("", 9) == [NetworkEntry(key="k1", currency="USD", captured=1999, refunded=0)]


@pytest.mark.parametrize(
    ("card", "reason"),
    [("tok_visa_0002", "do_not_honor"), ("tok_visa_9995", "insufficient_funds"), ("tok_amex_0069", "expired_card")],
)
async def test_some_cards_are_declined_and_nothing_is_taken(tmp_path: Path, card: str, reason: str) -> None:
    async with network(tmp_path) as cards:
        with pytest.raises(CardDeclined) as caught:
            await cards.capture("k1", PRICE, card)
        assert caught.value.reason == reason
        assert (await cards.ledger("", 9))[0].captured == 0


async def test_a_charge_whose_answer_is_lost_was_made_and_asking_again_shows_it(tmp_path: Path) -> None:
    async with network(tmp_path, "lost") as cards:
        with pytest.raises(CardNetworkUnavailable):
            await cards.capture("k1", PRICE, "tok_visa_4242")
        assert (await cards.ledger("", 9))[0].captured == 1999
        assert (await cards.capture("k1", PRICE, "tok_visa_4242")).reference.startswith("ch_")


async def test_a_charge_that_is_refused_for_now_was_not_made(tmp_path: Path) -> None:
    async with network(tmp_path, "refused") as cards:
        with pytest.raises(CardNetworkUnavailable):
            await cards.capture("k1", PRICE, "tok_visa_4242")
        assert await cards.ledger("", 9) == []


async def test_a_refund_gives_back_what_was_taken_however_often_it_is_asked_for(tmp_path: Path) -> None:
    async with network(tmp_path) as cards:
        await cards.capture("k1", PRICE, "tok_visa_4242")
        for _ in range(2):
            await cards.refund("k1")
        entry = (await cards.ledger("", 9))[0]
        assert (entry.captured, entry.refunded) == (1999, 1999)


async def test_a_charge_that_comes_after_its_refund_takes_nothing(tmp_path: Path) -> None:
    async with network(tmp_path) as cards:
        await cards.refund("k1")
        with pytest.raises(CardDeclined):
            await cards.capture("k1", PRICE, "tok_visa_4242")


async def test_the_books_survive_a_restart_and_are_read_in_pages(tmp_path: Path) -> None:
    async with network(tmp_path) as cards:
        for key in ("k1", "k2", "k3"):
            await cards.capture(key, PRICE, "tok_visa_4242")
    async with network(tmp_path) as cards:
        assert [entry.key for entry in await cards.ledger("k1", 1)] == ["k2"]


async def test_what_the_network_does_not_understand_is_not_asked_again(tmp_path: Path) -> None:
    async with network(tmp_path) as cards:
        with pytest.raises(CardNetworkRefused) as caught:
            await cards.capture("k1", Money(0), "tok_visa_4242")
        assert not caught.value.retryable


async def test_a_network_that_is_not_there_may_be_asked_again() -> None:
    async with ClientSession("http://127.0.0.1:1", timeout=ClientTimeout(total=2)) as session:
        with pytest.raises(CardNetworkUnavailable) as caught:
            await HTTPCardNetwork(session).refund("k1")
        assert caught.value.retryable


async def test_a_message_arrives_with_its_id_subject_and_text(tmp_path: Path) -> None:
    async with mail_server(tmp_path) as mails:
        await mails.send(MAIL)
        assert await mails.delivered("", 9) == [Delivered(MAIL.id, 1)]
    text = (tmp_path / "mail.jsonl").read_text("utf-8")
    assert all(each in text for each in ("Döner", "Grüße", "ann@example.org"))


async def test_a_message_refused_for_now_may_be_sent_again(tmp_path: Path) -> None:
    async with mail_server(tmp_path, "refused") as mails:
        with pytest.raises(MailServerUnavailable, match="451"):
            await mails.send(MAIL)
        await mails.send(MAIL)
        assert await mails.delivered("", 9) == [Delivered(MAIL.id, 1)]


async def test_a_message_sent_again_after_a_lost_answer_is_known_by_its_id(tmp_path: Path) -> None:
    async with mail_server(tmp_path, "lost") as mails:
        with pytest.raises(MailServerUnavailable):
            await mails.send(MAIL)
        await mails.send(MAIL)
        assert await mails.delivered("", 9) == [Delivered(MAIL.id, 2)]


async def test_the_mailbox_survives_a_crash_in_the_middle_of_a_line(tmp_path: Path) -> None:
    async with mail_server(tmp_path) as mails:
        await mails.send(MAIL)
    with (tmp_path / "mail.jsonl").open("ab") as file:
        file.write(b'{"id":"half')
    for copies in (2, 3):
        async with mail_server(tmp_path) as mails:
            await mails.send(MAIL)
            assert await mails.delivered("", 9) == [Delivered(MAIL.id, copies)]


async def test_the_mailbox_is_read_in_pages(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mail.jsonl")
    mailbox.copies.update(["a", "b", "c", "b"])
    assert (mailbox.page("", 2), mailbox.page("b", 2)) == ([("a", 1), ("b", 2)], [("c", 1)])
    mailbox.close()


def test_faults_come_at_the_rate_that_was_set_and_the_same_for_the_same_seed() -> None:
    def faults(seed: int) -> list[Fault]:
        dice = Faults(failing=0.2, slow=0.0, seed=seed)
        return [dice.next_fault() for _ in range(1000)]

    assert faults(3) == faults(3) != faults(4)
    assert 150 < sum(fault != "none" for fault in faults(3)) < 250


def test_slow_answers_take_most_of_a_second_and_others_milliseconds() -> None:
    slow, fast = Faults(failing=0, slow=1.0, seed=1), Faults(failing=0, slow=0.0, seed=1)
    assert min(slow.next_delay() for _ in range(100)) >= 0.3
    assert max(fast.next_delay() for _ in range(100)) < 0.01


def test_the_books_stand_beside_the_databases_unless_told_otherwise(tmp_path: Path) -> None:
    environ = {"ATOLL_DATABASE_URL": f"sqlite:///{tmp_path}/data/{{service}}.db"}
    assert read_options("cardnet", ["--port", "1"], environ).data == tmp_path / "data"
    told = ["--port", "1", "--data", str(tmp_path / "books")]
    assert read_options("cardnet", told, environ).data == tmp_path / "books"


def test_a_rate_above_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options("mail", ["--port", "1", "--failing", "2"], {})
    assert "2 is not from 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["", "ftp://somewhere", "smtp://"])
def test_an_address_of_the_mail_server_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="MAIL_URL"):
        mailer(Settings(environ={"MAIL_URL": url}))


async def test_the_card_network_is_where_the_settings_say() -> None:
    given = card_network(Settings(environ={"CARDNET_URL": "http://127.0.0.1:9"}))
    assert isinstance(await anext(given), HTTPCardNetwork)
    assert [each async for each in given] == []


@pytest.mark.parametrize("program", ["cardnet", "mail"])
async def test_a_program_listens_and_ends_when_told(tmp_path: Path, program: str, unused_tcp_port: int) -> None:
    arguments = ["-m", f"shop.outside.{program}", "--port", str(unused_tcp_port), "--data", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    async with asyncio.timeout(20):
        await listening(unused_tcp_port)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            await writer.wait_closed()
            return


async def test_a_large_mailbox_is_read_whole_in_answers_that_the_client_takes(tmp_path: Path) -> None:
    names = [f"order_confirmed.{number:036}@shop.example" for number in range(1200)]
    rest = '"to": [], "subject": "", "body": "", "time": 0.0'
    (tmp_path / "mail.jsonl").write_text("".join(f'{{"id": "{each}", {rest}}}\n' for each in names))
    found: list[str] = []
    async with mail_server(tmp_path) as mails:
        while rows := await mails.delivered(found[-1] if found else "", 500):
            found += [each.id for each in rows]
    assert found == names
