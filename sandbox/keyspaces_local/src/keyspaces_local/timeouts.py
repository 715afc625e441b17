"""The errors that throttles look like: timeouts that no replica answered. DG: Troubleshooting
capacity errors (received 0 of 2, write type SIMPLE; for batches and conditions that is assumed).
"""

from keyspaces_local.protocol import INT, SHORT, Consistency, ErrorCode, error_frame, string

NEEDED = 2


def throttled(stream: int, level: int, *, write: bool) -> bytes:
    """The ERROR frame of a throttled request at consistency `level`."""
    known = level in Consistency.__members__.values()
    name = Consistency(level).name if known else str(level)
    verb = "write" if write else "read"
    text = (
        f"Cassandra timeout during {verb} query at consistency {name}"
        f" ({NEEDED} replicas were required but only 0 answered)"
    )
    head = SHORT.pack(level) + INT.pack(0) + INT.pack(NEEDED)
    if write:
        return error_frame(stream, ErrorCode.WRITE_TIMEOUT, text, head + string("SIMPLE"))
    return error_frame(stream, ErrorCode.READ_TIMEOUT, text, head + b"\0")
