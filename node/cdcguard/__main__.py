"""Run the guard: `python3 -m node.cdcguard` here, `cdcguard.pyz` on a node."""

import sys

from node.cdcguard.commands import main

sys.exit(main(sys.argv[1:]))
