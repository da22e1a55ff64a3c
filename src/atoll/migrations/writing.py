"""Makes the file of a new revision."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from atoll.migrations.errors import RevisionsWrong
from atoll.migrations.revisions import read_revisions

_FIRST: Final = '''"""{about}."""

from atoll.migrations import script

revision = "{id}"
down_revision = None


def upgrade() -> None:
    script(
        """
        """
    )
'''

_NEXT: Final = '''"""{about}."""

from atoll.migrations import script

revision = "{id}"
down_revision = "{after}"
expands = True  # the code of {after} still runs on what this leaves; remove the line if it does not


def upgrade() -> None:
    script(
        """
        """
    )
'''


def write_revision(folder: Path, about: str) -> Path:
    """Make the file of a revision after the newest in `folder`, which is made too, and return its path.

    Raises RevisionsWrong when those that are there cannot be used, or the file cannot be written.
    """
    about = " ".join(about.split()).rstrip(".")
    slug = "_".join(re.findall(r"[a-z0-9]+", about.lower()))[:40].strip("_")
    if not slug:
        raise RevisionsWrong(f"{about!r} does not say what the revision does; describe it in a few words")
    known = read_revisions(folder) if folder.is_dir() else ()
    name = f"{len(known) + 1:04}"
    template = _NEXT if known else _FIRST
    path = folder / f"m{name}_{slug}.py"
    text = template.format(about=about[0].upper() + about[1:], id=name, after=known[-1].id if known else "")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise RevisionsWrong(f"{path} cannot be made: {error.strerror}") from None
    return path
