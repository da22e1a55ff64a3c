"""Customers who were erased: theirs stays empty, whatever comes late."""

from atoll.migrations import script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    script("ALTER TABLE profiles ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;")
