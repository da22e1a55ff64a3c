"""`python -m atoll.cli` is `atoll`."""

import sys

from atoll.cli.app import main

sys.exit(main())
