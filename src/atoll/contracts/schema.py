"""JSON Schemas (2020-12) of the types that contracts mention, sharing one set of named components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from atoll.contracts.operation import Operation
from atoll.contracts.problem import Problem

REF: Final = "#/components/schemas/{name}"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    code: str
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schemas:
    """The schemas of a set of types: `of` gives each one's, which refer to `components` by name."""

    components: Mapping[str, Schema]
    roots: Mapping[Any, Schema]

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type or problem of the set. Raises KeyError for another."""
        return dict(self.roots[kind])


def schemas(types: Iterable[Any], problems: Iterable[type[Problem]] = ()) -> Schemas:
    """Make the schemas of `types`, and of the documents that `problems` become on the wire.

    Two types of one name get components under their full names, so nothing is mixed up.
    """
    plain = list(dict.fromkeys(types))
    declared = list(dict.fromkeys(problems))
    found, components = msgspec.json.schema_components(
        [*plain, *(each.struct() for each in declared)], ref_template=REF
    )
    roots = dict(zip([*plain, *declared], found, strict=True))
    for each in declared:
        name = str(roots[each]["$ref"]).rpartition("/")[2]
        components[name] = _document(each, components[name])
    return Schemas(components=dict(sorted(components.items())), roots=roots)


def schemas_of(operations: Sequence[Operation]) -> Schemas:
    """Make the schemas of everything that travels in `operations`, their problems and ProblemDocument."""
    types = [each.type for operation in operations for each in operation.parameters]
    results = [operation.result for operation in operations if operation.result is not None]
    return schemas([ProblemDocument, *types, *results], [problem for each in operations for problem in each.raises])


def _document(problem: type[Problem], own: Schema) -> Schema:
    fixed: Schema = {
        "type": {"const": problem.uri},
        "title": {"const": problem.title},
        "status": {"const": problem.status},
        "code": {"const": problem.code},
    }
    base = msgspec.json.schema_components([ProblemDocument])[1][ProblemDocument.__name__]
    return {
        "title": own["title"],
        "description": (problem.__doc__ or problem.title).strip(),
        "type": "object",
        "properties": base["properties"] | fixed | own["properties"],
        "required": [*base["required"], *own["required"]],
    }
