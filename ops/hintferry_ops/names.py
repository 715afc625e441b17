"""Names that stay apart where the tables of strangers lend theirs."""

from __future__ import annotations

import re
from hashlib import sha256

_ELSE = re.compile(r"[^0-9A-Za-z_.-]")
_DIGITS = 8


def told_apart(name: str, longest: int = 200) -> str:
    """Return a readable name of letters, digits, `_`, `.` and `-` that no other `name` has.

    It is another one also where only letters and digits count, or where case does not. It is
    another one where it is cut to `longest`, as in CloudFormation's ids.
    """
    digest = sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{_ELSE.sub('_', name)[: longest - _DIGITS - 1]}-{digest}"
