"""Orders and reports survive the way, however the stream is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atoll.system.wire import (
    Exited,
    Failed,
    Guard,
    Lines,
    Module,
    Ready,
    Report,
    Services,
    Signal,
    Spawn,
    Started,
    decode_order,
    decode_report,
    encode,
)

text = st.text(max_size=20)
reports = st.one_of(
    st.builds(Started, key=text, pid=st.integers(0, 9999)),
    st.builds(Ready, key=text, addresses=st.dictionaries(text, text, max_size=3)),
    st.builds(Failed, key=text, message=text, final=st.booleans()),
    st.builds(Exited, key=text, pid=st.integers(0, 9999), code=st.integers(-64, 255)),
)


@given(st.lists(reports), st.integers(1, 50))
def test_reports_arrive_whole_and_in_order(sent: list[Report], size: int) -> None:
    stream, lines = b"".join(map(encode, sent)), Lines()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [decode_report(line) for piece in pieces for line in lines.feed(piece)] == sent


def test_orders_arrive_as_they_were() -> None:
    for job in (Services(names=("order",)), Module(module="mail", args=("--port", "25"))):
        order = Spawn(key="a/0", job=job, environ={"A": "b\nc"}, log="a.log")
        assert decode_order(encode(order)) == order
    for other in (Signal(key="a/0", number=15), Guard(pids=(1, 2))):
        assert decode_order(encode(other)) == other
