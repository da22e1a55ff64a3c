"""What is sent to Consul and read from it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.discovery import Instance
from atoll.discovery.agent.definitions import read_service
from atoll.discovery.consul.wire import read_answer, registration

WEB = Instance(id="web-1", service="web", host="10.0.0.1", port=80, version="1.2", meta={"zone": "a"})


def entry(**service: object) -> bytes:
    known = {"ID": "web-1", "Service": "web", "Address": "10.0.0.1", "Port": 80}
    return msgspec.json.encode([{"Node": {"Node": "n", "Address": "10.0.0.9"}, "Service": known | service}])


def read(body: bytes) -> Instance:
    (found,) = read_answer(body, {"x-consul-index": "5"}).instances
    return found


def test_a_registration_has_a_readiness_check_that_passes_at_first() -> None:
    assert msgspec.json.decode(registration(WEB, ready=True))["Check"] == {
        "HTTP": "http://10.0.0.1:80/readyz",
        "Status": "passing",
        "Interval": "10s",
        "Timeout": "3s",
        "DeregisterCriticalServiceAfter": "1m",
    }


def test_a_registration_of_what_may_not_be_ready_is_critical_at_first() -> None:
    assert msgspec.json.decode(registration(WEB, ready=False))["Check"]["Status"] == "critical"


def test_the_version_travels_in_the_meta() -> None:
    assert msgspec.json.decode(registration(WEB, ready=True))["Meta"] == {"zone": "a", "version": "1.2"}


def test_the_check_of_an_ip_version_6_address_has_brackets() -> None:
    body = registration(Instance(id="a", service="web", host="::1", port=80), ready=True)
    assert msgspec.json.decode(body)["Check"]["HTTP"] == "http://[::1]:80/readyz"


def test_a_service_without_an_address_is_at_that_of_its_node() -> None:
    assert read(entry(Address="")).host == "10.0.0.9"


@pytest.mark.parametrize("meta", [None, {}])
def test_a_service_without_meta_has_no_version(meta: object) -> None:
    assert read(entry(Meta=meta)).version == ""


def test_tags_are_not_taken_for_a_version() -> None:
    assert read(entry(Tags=["canary"], Meta={"version": "7"})).version == "7"


def test_instances_come_in_the_order_of_their_ids() -> None:
    bodies = [msgspec.json.decode(entry(ID=name))[0] for name in "cab"]
    found = read_answer(msgspec.json.encode(bodies), {"x-consul-index": "5"}).instances
    assert [each.id for each in found] == ["a", "b", "c"]


@pytest.mark.parametrize("headers", [{}, {"x-consul-index": "x"}, {"x-consul-index": "-1"}])
def test_an_answer_without_an_index_is_none(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="X-Consul-Index"):
        read_answer(b"[]", headers)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"Node": {}}]', b"\xff"])
def test_an_answer_of_another_shape_is_none(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own words
        read_answer(body, {"x-consul-index": "5"})


TEXT = st.text(min_size=1, max_size=20)
META = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda key: key != "version"), TEXT, max_size=3
)


@given(
    st.builds(
        Instance, id=TEXT, service=TEXT, host=st.just("h"), port=st.integers(1, 65535), version=st.text(), meta=META
    )
)
def test_what_is_registered_is_what_is_found(instance: Instance) -> None:
    known = read_service(msgspec.json.decode(registration(instance, ready=True)))
    found = entry(ID=known.id, Service=known.name, Address=known.address, Port=known.port, Meta=dict(known.meta))
    assert read(found) == instance
