"""Set-up from nothing: `python3 -m tools.bootstrap [--deploy]`. Needs Python 3.11 or later alone.

This file alone must be readable by any Python 3, so that an old one gets a sentence.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"Hintferry needs Python 3.11 or later to set itself up; {sys.executable} is {found}.")

from tools.setup import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
