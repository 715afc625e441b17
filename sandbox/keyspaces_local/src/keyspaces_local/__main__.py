"""`python -m keyspaces_local`: the same as the console script."""

import sys

from keyspaces_local.cli import main

sys.exit(main())
