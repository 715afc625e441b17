"""The site of the documents, in build/site; `make docs`.

The pages that are made of the code are written first.
"""

import sys

from docs.site import reference
from docs.site.build import SITE, build, lay_out
from tools.steps import SetupError


def main() -> int:
    reference.write()
    try:
        lay_out()
        build()
    except SetupError as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    print(f"{SITE / 'index.html'} (search needs a server: python3 -m http.server -d {SITE})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
