"""Parcels."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE parcels (
            id TEXT PRIMARY KEY,
            order_id TEXT NOT NULL UNIQUE,
            user_id TEXT NOT NULL,
            serial INTEGER NOT NULL UNIQUE,
            tracking TEXT NOT NULL UNIQUE,
            carrier TEXT NOT NULL,
            booked_at DOUBLE PRECISION NOT NULL,
            max_days INTEGER NOT NULL,
            cancelled INTEGER NOT NULL DEFAULT 0
        );
        """
    )
