"""The `/docs` page of a service: its OpenAPI document as one page of HTML that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import chain
from typing import Any

Json = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")


def docs_page(document: Json) -> str:
    """Return the page for an OpenAPI document made by `openapi`: no script, nothing fetched, ready for a strict CSP.

    Serve it as `text/html; charset=utf-8` with the header `content_security_policy()`.
    """
    info, operations = document["info"], list(_operations(document))
    title = f"{escape(info['title'])} <small>{escape(info['version'])}</small>"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{_style()}</style></head>",
            f"<body><header><h1>{title}</h1>{_contents(operations)}</header><main>",
            *(_section(each, operations) for each in document["tags"]),
            "<h2>Schemas</h2>",
            *(_schema(name, each) for name, each in document["components"]["schemas"].items()),
            '</main><footer>Made from the contract. The machine-readable form is at <a href="openapi.json">',
            "openapi.json</a>.</footer></body></html>",
        )
    )


def content_security_policy() -> str:
    """Return the strictest Content-Security-Policy under which the page looks as it should."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return files("atoll.contracts").joinpath("docs.css").read_text("utf-8")


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield method.upper(), path, methods[method]


def _contents(operations: Iterable[tuple[str, str, Json]]) -> str:
    items = (
        f'<li><a href="#{escape(each["operationId"])}">{_route(method, path)}</a></li>'
        for method, path, each in operations
    )
    return f"<nav><ul>{''.join(items)}</ul></nav>"


def _route(method: str, path: str) -> str:
    return f'<span class="method {method}">{method}</span><code>{escape(path)}</code>'


def _section(tag: Json, operations: Iterable[tuple[str, str, Json]]) -> str:
    own = (_operation(*each) for each in operations if tag["name"] in each[2]["tags"])
    return f'<h2>{escape(tag["name"])}</h2><p class="soft">{escape(tag["description"])}</p>{"".join(own)}'


def _operation(method: str, path: str, operation: Json) -> str:
    return "".join(
        (
            f'<article id="{escape(operation["operationId"])}"><h3>{_route(method, path)}{_access(operation)}</h3>',
            f"<p>{escape(operation['summary'])}</p>",
            f'<p class="soft">{escape(operation.get("description", ""))}</p>',
            _parameters(operation),
            _body(operation),
            _responses(operation),
            "</article>",
        )
    )


def _access(operation: Json) -> str:
    if "security" not in operation:
        return ""
    roles = list(chain.from_iterable(each["bearer"] for each in operation["security"]))
    return f'<span class="tag">{escape("role: " + " or ".join(roles) if roles else "token")}</span>'


def _parameters(operation: Json) -> str:
    rows = [
        (_code(each["name"]), each["in"], _type(each["schema"]), _need(required=each["required"]))
        for each in operation["parameters"]
        if "$ref" not in each
    ]
    if len(rows) < len(operation["parameters"]):
        note = "optional; repeating a request with the same key changes nothing twice"
        rows.append((_code("Idempotency-Key"), "header", "string", note))
    return _table("Parameters", ("name", "in", "type", ""), rows)


def _body(operation: Json) -> str:
    if "requestBody" not in operation:
        return ""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return f"<h4>Body</h4><p>{_type(schema)}</p>"


def _responses(operation: Json) -> str:
    rows = (
        (_code(status), escape(each["description"]), _content(each))
        for status, each in operation["responses"].items()
        if "$ref" not in each
    )
    return _table("Answers", ("status", "when", "body"), rows)


def _content(response: Json) -> str:
    return " ".join(_type(each["schema"]) for each in response.get("content", {}).values())


def _schema(name: str, schema: Json) -> str:
    required = schema.get("required", ())
    rows = (
        (_code(field), _type(each), _need(required=field in required), escape(each.get("description", "")))
        for field, each in schema.get("properties", {}).items()
    )
    table = _table("Fields", ("name", "type", "", ""), rows) or f"<p>{_type(schema)}</p>"
    about = escape(schema.get("description", ""))
    return f'<article id="schema-{escape(name)}"><h3>{_code(name)}</h3><p>{about}</p>{table}</article>'


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f"<th>{each}</th>" for each in heads)
    return f'<h4>{title}</h4><div class="scroll"><table><tr>{head}</tr>{body}</table></div>' if body else ""


def _type(schema: Json) -> str:
    """Write a schema in a few words: a link for a named one, the type and its bounds for a plain one."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " | ".join(_code(each) for each in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(" ".join((schema.get("type", "any"), *_bounds(schema))))


def _bounds(schema: Json) -> Iterator[str]:
    words = {"minimum": "≥", "maximum": "≤", "minLength": "length ≥", "maxLength": "length ≤", "default": "="}
    for key, word in words.items():
        if key in schema:
            yield f"{word} {schema[key]!r}"
    if "format" in schema:
        yield f"({schema['format']})"
    if "pattern" in schema:
        yield schema["pattern"]


def _need(*, required: bool) -> str:
    return "required" if required else '<span class="soft">optional</span>'


def _code(text: Any) -> str:
    return f"<code>{escape(str(text))}</code>"
