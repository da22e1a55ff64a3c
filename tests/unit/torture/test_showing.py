"""The report as text, JSON and a page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from atoll.torture import Report, json_of, lines_of, page_of
from atoll.torture.report import Span
from atoll.torture.timeline import timeline
from tests.unit.torture.examples import BAD, GOOD

SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """The tags and the attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


@pytest.mark.parametrize("report", [GOOD, BAD], ids=["good", "bad"])
def test_the_text_fits_a_terminal(report: Report) -> None:
    assert max(map(len, lines_of(report))) <= 80


def test_the_text_ends_with_the_verdict() -> None:
    assert lines_of(GOOD)[-1] == "0 lost, 0 doubled, 0 stuck: everything holds"
    assert lines_of(BAD)[-1] == "1 lost, 0 doubled, 0 stuck: IT DOES NOT HOLD"


def test_the_text_has_a_line_for_each_kind_of_fault() -> None:
    kill = next(line for line in lines_of(GOOD) if line.startswith("kill"))
    assert kill.split() == ["kill", "1", "0.50", "0.50", "1.50", "1.50"]


def test_the_text_marks_what_holds_and_what_does_not() -> None:
    lines = lines_of(BAD)
    assert "✓ nothing is stuck" in lines
    assert "✗ the books agree" in lines
    assert "    sale <1>" in lines


def test_the_text_shows_the_first_of_many_violations() -> None:
    lines = lines_of(BAD)
    assert "    line 9 is wrong" in lines
    assert "    line 10 is wrong" not in lines
    assert "    and 20 more" in lines


def test_the_text_says_what_got_no_final_answer() -> None:
    assert "checkout: 503 (2)" in " ".join(lines_of(BAD))


def test_the_text_says_when_others_took_over_what_dead_replicas_had_left() -> None:
    report = replace(GOOD, resumption=Span(count=9, missing=1, p50=9.5, p99=12.25))
    assert (
        "9 sagas of replicas that were kept down were taken over by another, 9.5 s after the kill "
        "(p99 12.2 s; two lease periods are 20 s); 1 were not."
    ) in " ".join(lines_of(report))
    assert "had no saga open" in " ".join(lines_of(replace(GOOD, resumption=Span(count=0, missing=0, p50=0, p99=0))))


def test_json_has_everything_and_the_verdict() -> None:
    document = json.loads(json_of(BAD))
    assert document["good"] is False
    assert (document["seed"], len(document["invariants"][0]["violations"])) == (7, 30)
    assert document["faults"][0]["kind"] == "cut"


def test_the_page_needs_no_script_and_nothing_from_elsewhere() -> None:
    page = Page(page_of(BAD))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href"} & set(page.attributes)


def test_names_in_the_page_are_no_markup() -> None:
    assert "<broker>" not in page_of(BAD)
    assert "sale &lt;1&gt;" in page_of(BAD)


def test_the_picture_has_a_mark_for_each_fault_and_each_sort_of_outcome() -> None:
    titles = [each.text or "" for each in ET.fromstring(timeline(GOOD)).iter(f"{SVG}title")]
    assert sum("kill order" in each for each in titles) == 1
    assert sum("cut <broker> for 1.0 s" in each for each in titles) == 1
    assert sum(each.endswith("1 failed") for each in titles) == 1


def test_the_picture_stays_within_its_frame() -> None:
    picture = ET.fromstring(timeline(GOOD))
    width = float(picture.attrib["viewBox"].split()[2])
    edges = [float(each.attrib["x"]) + float(each.attrib["width"]) for each in picture.iter(f"{SVG}rect")]
    assert max(edges) <= width


def test_a_run_without_requests_has_a_picture_too() -> None:
    assert timeline(replace(GOOD, timeline=[], faults=[])).startswith("<svg")
