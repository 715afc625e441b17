"""Questions about the service that nobody has answered in public, each as a function of a session.

A probe works on the table `rich` (client-side timestamps) and on keys of its own.
"""

import time
from typing import Any

from cassandra.auth import Authenticator, AuthProvider
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import SimpleStatement

from acceptance.questions.client import Target, connected, patiently
from keyspaces_local import sigv4

_next_key = int(time.time()) % 1_000_000_000


def own_key() -> int:
    global _next_key
    _next_key += 1
    return _next_key


def now_us() -> int:
    return time.time_ns() // 1000


def absent_row_delete_leaves_a_tombstone(session: Session) -> bool:
    """Return whether an older INSERT stays hidden after the DELETE of an absent row."""
    return _hides_older(session, "p = ? AND c = ?", (1,))


def range_delete_covers_absent_rows(session: Session) -> bool:
    """Return whether an older INSERT that arrives after the partition's DELETE stays hidden."""
    return _hides_older(session, "p = ?", ())


def _hides_older(session: Session, where: str, clustering: tuple[int, ...]) -> bool:
    key, now = own_key(), now_us()
    delete = session.prepare(f"DELETE FROM rich USING TIMESTAMP ? WHERE {where}")
    session.execute(delete, (now, key, *clustering))
    insert = session.prepare("INSERT INTO rich (p, c, t) VALUES (?, ?, ?) USING TIMESTAMP ?")
    session.execute(insert, (key, 1, "older", now - 1_000_000))
    return session.execute("SELECT c FROM rich WHERE p = %s", (key,)).one() is None


def overwritten_collection_shadows(session: Session, column: str) -> bool:
    """Return whether an older overwrite that arrives later adds nothing to a newer one."""
    old, new = {"m": ({"old": 1}, {"new": 2}), "l": ([1], [2])}[column]
    key, now = own_key(), now_us()
    write = session.prepare(f"INSERT INTO rich (p, c, {column}) VALUES (?, ?, ?) USING TIMESTAMP ?")
    session.execute(write, (key, 1, new, now))
    session.execute(write, (key, 1, old, now - 1_000_000))
    found: Any = session.execute(f"SELECT {column} AS found FROM rich WHERE p = {key}").one().found
    return bool((dict(found) if column == "m" else found) == new)


def same_list_twice_at_one_time(session: Session) -> list[int]:
    key, now = own_key(), now_us()
    write = session.prepare("INSERT INTO rich (p, c, l) VALUES (?, ?, ?) USING TIMESTAMP ?")
    for _ in range(2):
        session.execute(write, (key, 1, [1, 2], now))
    return list(session.execute(f"SELECT l FROM rich WHERE p = {key}").one().l)


def null_beats_a_value_at_one_time(session: Session) -> bool:
    key, now = own_key(), now_us()
    write = session.prepare("INSERT INTO rich (p, c, t) VALUES (?, ?, ?) USING TIMESTAMP ?")
    for text in ("a", None, "b"):
        session.execute(write, (key, 1, text, now))
    return session.execute(f"SELECT t FROM rich WHERE p = {key}").one().t is None


def pages(session: Session, text: str, fetch_size: int) -> list[list[Any]]:
    """The rows of each page of a read."""
    statement = SimpleStatement(text, fetch_size=fetch_size)
    found, result = [], session.execute(statement)
    for _ in range(1000):
        found.append(list(result.current_rows))
        if not result.has_more_pages:
            return found
        result.fetch_next_page()
    raise AssertionError(f"the pages of {text} do not end")


def filtered_page_lengths(session: Session) -> list[int]:
    """Return the page lengths of a filter that every tenth of 40 rows passes, in pages of 5."""
    key = own_key()
    for number in range(40):
        text = "'yes'" if number % 10 == 9 else "'no'"
        session.execute(f"INSERT INTO rich (p, c, t) VALUES ({key}, {number}, {text})")
    read = f"SELECT c FROM rich WHERE p = {key} AND t = 'yes' ALLOW FILTERING"
    return [len(page) for page in pages(session, read, 5)]


def large_page_lengths(session: Session) -> list[int]:
    """Return the page lengths of 30 rows of 100 KB, in pages of 5,000."""
    key = own_key()
    write = session.prepare("INSERT INTO rich (p, c, t) VALUES (?, ?, ?)")
    for number in range(30):
        patiently(session, write, (key, number, "t" * 100_000))
    return [len(page) for page in pages(session, f"SELECT t FROM rich WHERE p = {key}", 5000)]


def preparation(session: Session, text: str) -> str:
    """As `outcome`, of preparing the statement."""
    try:
        session.prepare(text)
    except Exception as error:  # noqa: BLE001 - whatever the service answers is the finding
        return f"{type(error).__name__}: {error}"
    return "accepted"


class _Dated(Authenticator):
    """Signs with a date of its own."""

    def __init__(self, target: Target, date: str) -> None:
        self._target, self._date = target, date

    def initial_response(self) -> bytes:
        return sigv4.INITIAL_RESPONSE

    def evaluate_challenge(self, challenge: bytes) -> bytes:
        key = sigv4.AcceptedKey(self._target.access_key_id, self._target.secret_access_key)
        nonce = challenge.removeprefix(b"nonce=")
        signature = sigv4.sign(key, amzdate=self._date, nonce=nonce, region=self._target.region)
        answer = f"signature={signature},access_key={key.access_key_id},amzdate={self._date}"
        token = getattr(self._target, "session_token", None)
        return (f"{answer},session_token={token}" if token else answer).encode()


class _DatedProvider(AuthProvider):
    def __init__(self, target: Target, date: str) -> None:
        self._target, self._date = target, date

    def new_authenticator(self, host: object) -> _Dated:
        return _Dated(self._target, self._date)


def login_outcome(target: Target, date: str) -> str:
    """As `outcome`, of a login with that date."""
    try:
        with connected(target, auth_provider=_DatedProvider(target, date)):
            return "accepted"
    except NoHostAvailable as error:
        return f"{[str(cause) for cause in error.errors.values()]}"


def outcome(session: Session, text: str, *values: object) -> str:
    """`accepted`, or the class and the words of the refusal."""
    try:
        session.execute(session.prepare(text), values) if values else session.execute(text)
    except Exception as error:  # noqa: BLE001 - whatever the service answers is the finding
        return f"{type(error).__name__}: {error}"
    return "accepted"


def bytes_of_numbers(session: Session) -> str:
    """Return whether a varint with a needless byte and the decimal 3.000 come back as written."""
    written = {"v": "0x000001", "d": "0x0000000300000bb8"}
    write = f"blobAsVarint({written['v']}), blobAsDecimal({written['d']})"
    answer = outcome(session, f"INSERT INTO numbers (k, v, d) VALUES (9, {write})")
    if answer != "accepted":
        return answer
    read = "SELECT varintAsBlob(v) AS v, decimalAsBlob(d) AS d FROM numbers WHERE k = 9"
    row: Any = session.execute(read).one()
    found = {"v": "0x" + row.v.hex(), "d": "0x" + row.d.hex()}
    return "unchanged" if found == written else f"{written} came back as {found}"
