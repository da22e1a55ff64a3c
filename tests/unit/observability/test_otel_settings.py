"""What the standard variables mean, and which are told to be wrong."""

from __future__ import annotations

import pytest

from atoll.core import SettingsError
from atoll.observability.otel_settings import OTelSettings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def test_nothing_is_exported_unless_an_endpoint_is_set() -> None:
    assert OTelSettings.read({}) == OTelSettings(endpoint="", ratio=0.0)


@pytest.mark.parametrize("base", ["http://collector:4318", "http://collector:4318/"])
def test_traces_go_below_the_general_endpoint(base: str) -> None:
    settings = OTelSettings.read({"OTEL_EXPORTER_OTLP_ENDPOINT": base})
    assert settings.endpoint == "http://collector:4318/v1/traces"


def test_the_endpoint_for_traces_is_taken_as_it_is_and_goes_first() -> None:
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces/in"}
    assert OTelSettings.read(ENDPOINT | traces).endpoint == "https://traces/in"


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}], ids=str)
def test_export_can_be_turned_off(off: dict[str, str]) -> None:
    assert OTelSettings.read(ENDPOINT | off) == OTelSettings()


@pytest.mark.parametrize(
    ("sampler", "argument", "ratio"),
    [
        ("", "", 1.0),
        ("always_on", "", 1.0),
        ("always_off", "", 0.0),
        ("parentbased_always_on", "0.1", 1.0),
        ("traceidratio", "0.25", 0.25),
        ("parentbased_traceidratio", "0.25", 0.25),
        ("parentbased_traceidratio", "", 1.0),
    ],
)
def test_the_sampler_gives_the_share_of_new_traces(sampler: str, argument: str, ratio: float) -> None:
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    assert OTelSettings.read(ENDPOINT | variables).ratio == ratio


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "4318"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "http://"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"}, "URL"),
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_TRACES_SAMPLER": "sometimes"}, "OTEL_TRACES_SAMPLER"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"}, "from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, "from 0 to 1"),
    ],
    ids=str,
)
def test_a_wrong_variable_stops_the_start(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        OTelSettings.read(ENDPOINT | variables)


def test_every_wrong_variable_is_named_at_once() -> None:
    wrong = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER": "sometimes"}
    with pytest.raises(SettingsError) as caught:
        OTelSettings.read(ENDPOINT | wrong)
    assert len(caught.value.problems) == 2
