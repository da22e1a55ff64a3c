"""Addresses and letters."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE addresses (
            user_id TEXT PRIMARY KEY,
            email TEXT NOT NULL
        );
        CREATE TABLE letters (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            kind TEXT NOT NULL,
            about TEXT NOT NULL,
            subject TEXT NOT NULL,
            body TEXT NOT NULL,
            sent_at DOUBLE PRECISION
        );
        CREATE INDEX letters_user ON letters (user_id, id);
        """
    )
