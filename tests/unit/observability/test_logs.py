"""How a process's logging is set up."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
import warnings

import pytest

from atoll.observability import configure_logging, log_as


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")


pytestmark = pytest.mark.usefixtures("root_logger")
log = logging.getLogger("shop.order")


def test_a_pipe_gets_json() -> None:
    configure_logging("order", stream=(stream := io.StringIO()))
    log.info("hello", extra={"sku": "A-1"})
    assert json.loads(stream.getvalue()).items() >= {"service": "order", "msg": "hello", "sku": "A-1"}.items()


def test_a_line_that_cannot_be_written_is_lost_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("order", stream=FullDisk())
    log.info("hello")
    assert capsys.readouterr().err == ""


def test_a_line_that_is_wrong_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("order", stream=(stream := io.StringIO()))
    [ours] = [each for each in logging.getLogger().handlers if getattr(each, "stream", None) is stream]
    ours.handle(log.makeRecord(log.name, logging.INFO, __file__, 1, "%d", ("no number",), None))
    assert "Logging error" in capsys.readouterr().err


def test_a_terminal_gets_coloured_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    configure_logging("order", stream=(stream := Terminal()))
    log.info("hello")
    assert "\x1b[32mINFO" in stream.getvalue()


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    configure_logging("order", stream=(stream := Terminal()))
    log.info("hello")
    assert "\x1b" not in stream.getvalue()


def test_text_in_a_pipe_is_not_coloured() -> None:
    configure_logging("order", format="text", stream=(stream := io.StringIO()))
    log.info("hello")
    assert stream.getvalue().endswith("INFO     order  hello\n")


def test_json_on_a_terminal_is_json() -> None:
    configure_logging("order", format="json", stream=(stream := Terminal()))
    log.info("hello")
    assert json.loads(stream.getvalue())["msg"] == "hello"


def test_lines_below_the_level_are_not_written() -> None:
    configure_logging("order", level="WARNING", stream=(stream := io.StringIO()))
    log.info("hello")
    assert stream.getvalue() == ""


def test_configuring_again_does_not_write_twice() -> None:
    configure_logging("order", stream=io.StringIO())
    configure_logging("order", stream=(stream := io.StringIO()))
    log.info("hello")
    assert stream.getvalue().count("\n") == 1


def test_handlers_of_others_stay(root_logger: logging.Logger) -> None:
    before = list(root_logger.handlers)
    configure_logging("order", stream=io.StringIO())
    assert root_logger.handlers[: len(before)] == before


def test_warnings_of_python_are_logged() -> None:
    configure_logging("order", stream=(stream := io.StringIO()))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", UserWarning, stacklevel=1)
    assert json.loads(stream.getvalue())["logger"] == "py.warnings"


async def test_services_in_one_process_have_their_own_names() -> None:
    configure_logging("shop", stream=(stream := io.StringIO()))

    async def serve(name: str) -> None:
        log_as(name)
        log.info("ready")

    await asyncio.gather(serve("order"), serve("payment"))
    assert [json.loads(line)["service"] for line in stream.getvalue().splitlines()] == ["order", "payment"]
