"""From a setting to a registry."""

import pytest

from atoll.core import SettingsError
from atoll.discovery import ConsulRegistry, StaticRegistry, open_registry


@pytest.mark.parametrize(("url", "kind"), [("consul://127.0.0.1:8500", ConsulRegistry), ("static:", StaticRegistry)])
def test_the_scheme_names_the_adapter(url: str, kind: type[object]) -> None:
    assert isinstance(open_registry(url), kind)


@pytest.mark.parametrize(
    "url", ["", "etcd://host", "consul:", "consul://", "consul://h:99999", "consul://h/x", "consul://["]
)
def test_a_url_that_names_no_registry_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match="the registry URL is") as caught:
        open_registry(url)
    assert len(caught.value.problems) == 1


def test_a_token_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        open_registry("consul://:secret@host:8500/path")
    assert "secret" not in str(caught.value)
