"""Accounts, pending until their owner can sign in."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE accounts (
            id TEXT PRIMARY KEY,
            email TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            country TEXT NOT NULL,
            created_at DOUBLE PRECISION NOT NULL,
            revision INTEGER NOT NULL,
            pending INTEGER NOT NULL DEFAULT 1
        );
        """
    )
