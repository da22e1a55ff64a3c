"""Payments."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE payments (
            id TEXT PRIMARY KEY,
            order_id TEXT NOT NULL UNIQUE,
            amount TEXT NOT NULL,
            method TEXT NOT NULL,
            status TEXT NOT NULL,
            reference TEXT NOT NULL
        );
        """
    )
