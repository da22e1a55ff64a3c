"""The report as one HTML page that needs nothing else: no script, no file beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from atoll.torture.report import Report
from atoll.torture.schedule import MEANING
from atoll.torture.text import checks_of, customers_sentence, notes_of, requests_sentence, rows_of, title_of, verdict_of
from atoll.torture.timeline import COLOURS, OUTCOMES, timeline

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #666; --line: #8883; --good: #2a7d2a; --bad: #c22; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --soft: #aaa; --good: #6c6; --bad: #f66; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 1140px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } .good { color: var(--good); } .bad { color: var(--bad); }
.wide { overflow-x: auto; } .wide > svg { min-width: 760px; } table { border-collapse: collapse; }
th, td { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, td:last-child { text-align: left; } th { color: var(--soft); font-weight: normal; }
ul { padding-left: 0; list-style: none; } ul ul { padding-left: 2rem; list-style: disc; color: var(--bad); }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .axis { fill: var(--soft); } svg .grid, svg .lane { stroke: var(--line); } svg .healing { opacity: .35; }
.key { color: var(--soft); } .key span { white-space: nowrap; margin-left: 1em; color: var(--ink); }
.key i { display: inline-block; width: .8em; height: .8em; margin-right: .3em; border-radius: 2px; }
"""


def page_of(report: Report) -> str:
    """Return the whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(report.system)} under torture</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(_body(report))
        + "\n</body></html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    tone = "good" if report.good else "bad"
    yield f'<h1>{escape(report.system)} under torture: <span class="{tone}">{verdict_of(report)}</span></h1>'
    yield f"<p>{escape(title_of(report))}.</p>"
    yield f'<div class="wide">{timeline(report)}</div>'
    yield _key("requests", OUTCOMES)
    yield _key("faults", [(kind, COLOURS[kind]) for kind in report.by_kind()], "(pale: until it was ready again)")
    yield f"<p>{escape(requests_sentence(report))} {escape(customers_sentence(report))}</p>"
    yield _table(report)
    yield from (f"<p>{escape(note)}</p>" for note in notes_of(report))
    yield f"<ul>{''.join(_check(name, wrong) for name, wrong in checks_of(report))}</ul>"


def _key(of: str, marks: Iterable[tuple[str, str]], note: str = "") -> str:
    shown = "".join(f'<span><i style="background:{colour}"></i>{name}</span>' for name, colour in marks)
    return f'<p class="key">{of}{shown} {note}</p>'


def _table(report: Report) -> str:
    head = ("fault", "done", "ready again p50 s", "p99 s", "answered again p50 s", "p99 s", "")
    rows = [(*row, meaning) for row, meaning in zip(rows_of(report), _meanings(report), strict=True)]
    table = f"<table>{_row('th', head)}{''.join(_row('td', row) for row in rows)}</table>"
    return f'<div class="wide">{table}</div>'


def _meanings(report: Report) -> list[str]:
    return [MEANING[kind] for kind in report.by_kind()]


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _check(name: str, wrong: Sequence[str]) -> str:
    mark = '<span class="bad">✗</span>' if wrong else '<span class="good">✓</span>'
    told = f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in wrong)}</ul>" if wrong else ""
    return f"<li>{mark} {escape(name)}{told}</li>"
