"""The few shapes that Envoy's JSON configuration repeats."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions."


def typed(kind: str, **fields: Any) -> Json:
    """Return a message of the extension type `kind`, such as `filters.http.cors.v3.Cors`."""
    return {"@type": _EXTENSIONS + kind, **fields}


def extension(name: str, kind: str, **fields: Any) -> Json:
    """Return a named extension: a filter, a logger, a matcher."""
    return {"name": name, "typed_config": typed(kind, **fields)}


def resource(kind: str, **fields: Any) -> Json:
    """Return a discovery resource, such as `route.v3.RouteConfiguration`."""
    return {"@type": f"type.googleapis.com/envoy.config.{kind}", **fields}


def from_file(path: str) -> Json:
    """Return a config source that watches `path`, which Envoy reads anew when a file is moved there.

    The path must hold a directory: Envoy refuses a bare file name.
    """
    return {"resource_api_version": "V3", "path_config_source": {"path": f"./{path}"}}


def seconds(value: float) -> str:
    """Return a duration."""
    return f"{value:.3f}s"


def header(name: str, value: str, *, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Json:
    """Return a header to add; one whose value comes out empty is left out."""
    return {"header": {"key": name, "value": value}, "append_action": action}


def header_is(name: str, value: str) -> Json:
    """Return a match of requests whose header `name` is exactly `value`."""
    return {"name": name, "string_match": {"exact": value}}


def header_present(name: str) -> Json:
    """Return a match of requests that have the header `name`."""
    return {"name": name, "present_match": True}
