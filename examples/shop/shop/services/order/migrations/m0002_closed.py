"""Orders that are being worked on, and customers who order no more."""

from atoll.migrations import script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    script(
        """
        CREATE TABLE in_flight (
            order_id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL
        );
        CREATE INDEX in_flight_user ON in_flight (user_id);
        CREATE TABLE closed (
            user_id TEXT PRIMARY KEY
        );
        """
    )
