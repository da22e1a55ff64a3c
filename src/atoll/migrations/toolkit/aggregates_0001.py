"""The toolkit's tables of `aggregates`.

Made from the constant itself as long as it is the first revision. Before the tables change after a release, their text
of then takes its place here, and a second revision makes the difference.
"""

from atoll.aggregates.tables import TABLES
from atoll.migrations import script

revision = "aggregates_0001"
down_revision = None


def upgrade() -> None:
    script(TABLES)
