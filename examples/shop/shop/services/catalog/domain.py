"""The rules of search."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
MAX_WORDS: Final = 8


def words(*texts: str) -> str:
    """Return what is searched of a product: its words in lower case, each with a blank before it."""
    found = dict.fromkeys(word for text in texts for word in _WORD.findall(text.casefold()))
    return "".join(f" {word}" for word in found)


def terms(text: str) -> list[str]:
    """Return the words to look for. Each matches the beginning of a word; more than a few are ignored."""
    return list(dict.fromkeys(_WORD.findall(text.casefold())))[:MAX_WORDS]


def pages(total: int, size: int) -> int:
    """Return how many pages of `size` hold `total` entries; at least one."""
    return max(1, -(-total // size))
