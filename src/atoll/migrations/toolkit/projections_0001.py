"""The toolkit's tables of `projections`.

Made from the constant itself as long as it is the first revision. Before the tables change after a release, their text
of then takes its place here, and a second revision makes the difference.
"""

from atoll.migrations import script
from atoll.projections.tables import TABLES

revision = "projections_0001"
down_revision = None


def upgrade() -> None:
    script(TABLES)
