"""`hintferry status --serve`: read-only, for its own names alone, and at a bounded rate."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import decompress
from threading import Thread

import pytest
from typer.testing import CliRunner

from hintferry.core.errors import ConfigurationError
from hintferry_cli.app import app
from hintferry_cli.status import serve
from hintferry_cli.status.history import ALL, MOST_POINTS, History
from hintferry_cli.status.serve import Listen, Site, listen
from hintferry_cli.status.watcher import Whole
from tests.cli.many_tables import statuses, whole


def look(count: int, age_s: float = 0.0) -> Whole:
    found = statuses(count, age_s)
    tree = whole(found)
    return Whole(found, tree["tables"], tree["sums"], tree["clocks"], tree["validation"], ())


@contextmanager
def serving(site: Site) -> Iterator[int]:
    server, url = serve.opened(site, Listen("127.0.0.1", 0))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert url.startswith("http://127.0.0.1:")


def asked(
    port: int, method: str = "GET", path: str = "/", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.headers
    connection.close()
    return found


@pytest.fixture
def site() -> Site:
    found = Site(10.0)
    found.show(look(20))
    return found


def test_the_page_and_the_json_are_of_the_same_look(site: Site) -> None:
    with serving(site) as port:
        status, page, headers = asked(port)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"20 tables, as of" in page
        assert asked(port, "HEAD")[:2] == (200, b"")
        packed = asked(port, Accept_Encoding="gzip")[1]
        assert decompress(packed) == page
        told = json.loads(asked(port, path="/status.json")[1])
        assert told["sums"]["tables"] == 20
        assert told["version"] == 1
        assert asked(port, path="/../migration.toml")[0] == 404


def test_nothing_but_reading_is_answered(site: Site) -> None:
    with serving(site) as port:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            status, _, headers = asked(port, method)
            assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert asked(port, "BREW")[0] == 501


def test_a_name_that_another_site_gave_our_address_is_refused(site: Site) -> None:
    with serving(site) as port:
        for host in ("evil.example", f"evil.example:{port}", "", "127.0.0.1.evil.example", "a b"):
            status, text, _ = asked(port, Host=host)
            assert (status, b"tables" in text) == (421, False), host
        for host in ("localhost", f"LOCALHOST:{port}", "127.0.0.1:9", f"[::1]:{port}"):
            assert asked(port, Host=host)[0] == 200, host


def test_every_answer_forbids_what_the_page_does_not_need(site: Site) -> None:
    with serving(site) as port:
        for path in ("/", "/status.json", "/nothing"):
            _, _, headers = asked(port, path=path)
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
            assert headers["Server"] == "hintferry "


def test_before_the_first_look_the_page_says_so() -> None:
    with serving(Site(10.0)) as port:
        assert b"looked at for the first time" in asked(port)[1]
        assert json.loads(asked(port, path="/status.json")[1]) == {"error": None}


def test_a_look_that_fails_keeps_the_last_page_and_says_why(site: Site) -> None:
    site.fail("AWS denied GetQueueAttributes; attach OperatorPolicy")
    page = site.answers["/"].plain.decode()
    assert "AWS denied GetQueueAttributes" in page
    assert "20 tables, as of" in page


@pytest.mark.parametrize(
    ("address", "says"),
    [("0.0.0.0", "the one address"), ("::", "the one address"), ("db.example", "not an IP")],
)
def test_an_address_that_opens_too_much_is_refused(address: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        listen(address, 1)
    assert listen("::1", 1).is_loopback
    assert not listen("192.0.2.7", 1).is_loopback
    assert listen("192.0.2.7", 1).is_ours("192.0.2.7:80")


def test_a_port_that_is_taken_is_one_sentence(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{taken} cannot be listened on"):
            serve.opened(site, Listen("127.0.0.1", taken))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--serve", "--json"], "--serve cannot be combined"),
        (["--serve", "--watch"], "--serve cannot be combined"),
        (["--port", "9"], "belong to --serve"),
        (["--json", "--html", "-"], "both print"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["status", *arguments])
    assert result.exit_code == 2, result.output
    assert says in " ".join(result.stderr.split())


def test_history_is_bounded_and_reaches_back_to_its_beginning() -> None:
    history = History()
    for number in range(1_000):
        trees = [dict(one) for one in look(10, age_s=number).trees]
        for one in trees:
            one["seen"] += 10.0 * number
        history.add(trees)
    for name in ("shop.table_005", ALL):
        points = history.points(name)
        assert len(points) + 1 >= MOST_POINTS / 2
        assert len(points) < MOST_POINTS
        assert points[-1].at - points[0].at > 0.8 * 10_000
    assert history.changes("shop.table_005") == [
        (look(10).trees[5]["seen"], "the writers may stop")
    ]
