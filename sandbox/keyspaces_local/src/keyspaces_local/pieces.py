"""One statement of a request with its values: what capacity, faults and semantics look at."""

from dataclasses import dataclass

from keyspaces_local.limits import check_columns, check_digits, check_sizes
from keyspaces_local.policy import Plan
from keyspaces_local.protocol import SHORT
from keyspaces_local.requests import BatchEntry
from keyspaces_local.shape import Values, bound, bound_within
from keyspaces_local.statement import Term, Using


@dataclass(frozen=True, slots=True)
class Piece:
    """`entry` is its place in a BATCH frame; `time_us` the write time that the request gives it."""

    plan: Plan
    values: Values
    entry: BatchEntry | None = None
    time_us: int = 0

    @property
    def partition(self) -> bytes | None:
        """The partition key's values as one key of a dictionary, where they are known."""
        if self.plan.partition is None:
            return None
        parts = []
        for term in self.plan.partition:
            found = bound(term, self.values)
            if term.marker < 0:
                found = "".join(token.text for token in term.tokens).encode()
                found += b"".join(wire or b"" for wire in bound_within(term, self.values))
            parts.append(SHORT.pack(len(found or b"")) + (found or b""))
        return b"".join(parts)

    def measure(self) -> int:
        """Refuses what is too large; gives the write units otherwise."""
        if self.plan.shape is None:
            return 1
        shape = self.plan.shape.current().of(self.values)
        check_columns(shape, self.plan.settings is not None and self.plan.settings.ttl)
        check_digits(shape, self.values)
        sizes = shape.sizes(self.values)
        check_sizes(sizes)
        return shape.units(sizes)


def using_value(using: Using | None, values: Values) -> int | None:
    """The number that a USING clause gives; None where it gives none."""
    if using is None:
        return None
    if using.literal is not None:
        return using.literal
    wire = bound(Term(using.marker_name or "", using.marker, using.marker_name), values)
    return None if wire is None else int.from_bytes(wire, "big", signed=True)
