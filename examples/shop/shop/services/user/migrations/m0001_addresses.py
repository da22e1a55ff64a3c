"""Addresses of accounts, pending until their owner can sign in. The accounts themselves are events."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE addresses (
            user_id TEXT PRIMARY KEY,
            email TEXT NOT NULL UNIQUE,
            pending INTEGER NOT NULL DEFAULT 1
        );
        """
    )
