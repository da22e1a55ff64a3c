"""Entries."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script("CREATE TABLE entries (seq {serial}, text TEXT NOT NULL)")
