"""The report as text of at most 80 columns, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from atoll.torture.report import Report, Span
from atoll.torture.schedule import MEANING

WIDTH: Final = 80
SHOWN: Final = 10
"""So many sentences of one sort are shown; JSON has them all."""


def json_of(report: Report) -> bytes:
    """Return the whole report as JSON, with its verdict as `good`."""
    whole = {"good": report.good, **msgspec.to_builtins(report)}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def lines_of(report: Report) -> list[str]:
    """Return the report as lines."""
    return [
        title_of(report),
        "",
        *_faults(report),
        "",
        *_wrapped(requests_sentence(report)),
        *_wrapped(customers_sentence(report)),
        "",
        *_verdicts(report),
        "",
        verdict_of(report),
    ]


def title_of(report: Report) -> str:
    """Return what was run, in a line."""
    return (
        f"{report.system} on {report.database} and {report.broker}, seed {report.seed}: {len(report.faults)} faults in "
        f"{report.load_seconds:.0f} s, quiet after {report.settle_seconds:.0f} s"
    )


def requests_sentence(report: Report) -> str:
    """Return the requests in a sentence."""
    found = report.requests
    return (
        f"{found.sent:,} requests: {found.ok:,} ok, {found.refused:,} refused, {found.failed:,} failed; "
        f"{found.retried:,} of them were repetitions."
    )


def customers_sentence(report: Report) -> str:
    """Return what customers were told, and what they gave up on, in a sentence."""
    sentence = f"Customers were told {report.acknowledged:,} facts"
    if not report.unanswered:
        return f"{sentence} and always got a final answer."
    given_up = ", ".join(f"{what} ({count})" for what, count in report.unanswered.items())
    return f"{sentence} and got no final answer {sum(report.unanswered.values())} times: {given_up}."


def verdict_of(report: Report) -> str:
    """Return the verdict in a line."""
    counts = f"{len(report.lost)} lost, {len(report.doubled)} doubled, {len(report.stuck)} stuck"
    return f"{counts}: {'everything holds' if report.good else 'IT DOES NOT HOLD'}"


def rows_of(report: Report) -> list[tuple[str, ...]]:
    """Return a row for each kind: its name, how many, and the four recovery times in seconds."""
    recovery = {each.kind: each for each in report.recovery}
    rows: list[tuple[str, ...]] = []
    for kind, faults in report.by_kind().items():
        done = [each for each in faults if not each.failure]
        found = recovery.get(kind)
        times = (*_times(found.ready), *_times(found.answered)) if found else ("-",) * 4
        rows.append((kind, str(len(done)), *times))
    return rows


def notes_of(report: Report) -> Iterator[str]:
    """Yield what the table of faults leaves out."""
    repeated = sum(each.repeated for each in report.faults)
    if repeated:
        yield f"{repeated} messages were published again."
    undone = [each for each in report.faults if each.failure]
    if undone:
        yield f"{len(undone)} faults could not be done, the first because {undone[0].failure}."
    if sentence := resumption_sentence(report):
        yield sentence
    for each in report.recovery:
        if each.ready is not None and each.ready.missing:
            yield f"{each.ready.missing} times something was not ready again after {MEANING[each.kind]}."


def resumption_sentence(report: Report) -> str:
    """Return in a sentence how replicas that were kept down were stood in for; empty when none was."""
    span = report.resumption
    if span is None:
        return ""
    if not span.count + span.missing:
        return "The replicas that were kept down had no saga open."
    late = f"; {span.missing} were not" if span.missing else ""
    return (
        f"{span.count} sagas of replicas that were kept down were taken over by another, "
        f"{span.p50:.1f} s after the kill (p99 {span.p99:.1f} s; two lease periods are {2 * report.lease:g} s){late}."
    )


def checks_of(report: Report) -> list[tuple[str, Sequence[str]]]:
    """Return everything that has to hold, each with what is wrong with it."""
    return [
        ("nothing that customers were told is lost", report.lost),
        ("nothing that customers were told is there twice", report.doubled),
        ("nothing is stuck", report.stuck),
        *((each.name, each.violations) for each in report.invariants),
        ("nothing is left running", report.left_running),
    ]


def _faults(report: Report) -> Iterator[str]:
    yield f"{'':10} {'':6} {'ready again (s)':>20} {'answered again (s)':>20}"
    header = ("fault", "done", "p50", "p99", "p50", "p99")
    for kind, count, *times in (header, *rows_of(report)):
        yield f"{kind:10} {count:>6} {times[0]:>10} {times[1]:>9} {times[2]:>10} {times[3]:>9}"
    for note in notes_of(report):
        yield from _wrapped(note)


def _times(span: Span | None) -> tuple[str, str]:
    if span is None:
        return "-", "-"
    return (f"{span.p50:.2f}", f"{span.p99:.2f}") if span.count else ("never", "never")


def _verdicts(report: Report) -> Iterator[str]:
    for name, wrong in checks_of(report):
        yield from _wrapped(f"{'✗' if wrong else '✓'} {name}", hanging=2)
        for sentence in wrong[:SHOWN]:
            yield from _wrapped(f"    {sentence}", hanging=6)
        if len(wrong) > SHOWN:
            yield f"    and {len(wrong) - SHOWN} more"


def _wrapped(text: str, *, hanging: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * hanging, drop_whitespace=True)
