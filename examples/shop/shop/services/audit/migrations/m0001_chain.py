"""The chain of events."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE entries (
            seq INTEGER PRIMARY KEY,
            event_id TEXT NOT NULL UNIQUE,
            event_type TEXT NOT NULL,
            source TEXT NOT NULL,
            key TEXT NOT NULL,
            time DOUBLE PRECISION NOT NULL,
            data BYTEA NOT NULL,
            hash TEXT NOT NULL
        );
        """
    )
