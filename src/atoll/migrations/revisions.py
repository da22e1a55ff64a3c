"""The revision files of a folder, read without running them, as a start must be quick and has no use for Alembic."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atoll.migrations.errors import RevisionsWrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision file. `expands`: code of the revision before it still runs on what it leaves."""

    id: str
    after: str | None
    expands: bool
    about: str
    path: Path


def read_revisions(folder: Path) -> tuple[Revision, ...]:
    """Return the revisions in `folder`, the first one first. Raises RevisionsWrong unless each follows another."""
    if not folder.is_dir():
        raise RevisionsWrong(f"there is no folder {folder}; make it with: atoll migrate --new MESSAGE --service NAME")
    found = [_read(path) for path in sorted(folder.glob("*.py")) if path.name[0] != "_"]
    return in_order(found)


def in_order(revisions: Sequence[Revision]) -> tuple[Revision, ...]:
    """Return the revisions as one line. Raises RevisionsWrong for two of one name, a fork, a gap or a circle."""
    _refuse_twins("have the revision", [(each.id, each) for each in revisions])
    _refuse_twins("follow", [(each.after, each) for each in revisions])
    following: Mapping[str | None, Revision] = {each.after: each for each in revisions}
    line: list[Revision] = []
    after: str | None = None
    while (following_one := following.get(after)) is not None:
        line.append(following_one)
        after = following_one.id
    if lost := [each for each in revisions if each not in line]:
        raise RevisionsWrong(f"{lost[0].path} follows {lost[0].after!r}, but no file has that revision; correct it")
    return tuple(line)


def _refuse_twins(what: str, named: Sequence[tuple[str | None, Revision]]) -> None:
    seen: dict[str | None, Revision] = {}
    for name, revision in named:
        if (first := seen.setdefault(name, revision)) is not revision:
            raise RevisionsWrong(
                f"{first.path} and {revision.path.name} both {what} {name or 'nothing'}; let one follow the other "
                "(`revision` and `down_revision` in the file)"
            )


def _read(path: Path) -> Revision:
    try:
        tree = ast.parse(path.read_text("utf-8"), str(path))
    except (OSError, ValueError, SyntaxError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise RevisionsWrong(f"{path}{line} cannot be read: {getattr(error, 'msg', error)}") from None
    values = _constants(tree)
    name, after = values.get("revision"), values.get("down_revision")
    if not isinstance(name, str) or not isinstance(after, str | None):
        raise RevisionsWrong(f'{path} does not say which revision it is; write revision = "…" and down_revision = "…"')
    about = (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")
    return Revision(id=name, after=after, expands=values.get("expands") is True, about=about, path=path)


def _constants(tree: ast.Module) -> dict[str, object]:
    """Return the names that are given a constant at the top of a module."""
    found: dict[str, object] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                found[name] = value
            case _:
                pass
    return found
