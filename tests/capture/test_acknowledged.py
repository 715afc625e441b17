"""Test what counts as acknowledged: all that stands before it in the log."""

from pathlib import Path

import pytest

from tests.capture import programs
from tools.releases import Release

pytestmark = pytest.mark.slow

PROGRAM = """
package hintferry.capture;

import hintferry.capture.Acknowledged.*;

public class TryAcknowledged {
    static final Acknowledged ALL = new Acknowledged();

    public static void main(String[] args) {
        told("nothing");
        ALL.read(new Position(7, 10));
        told("no hint in it");
        Sent first = ALL.sending();
        ALL.done(first);
        told("one of two hints of a mutation, the other not yet sent");
        Sent second = ALL.sending();
        ALL.read(new Position(7, 20));
        Sent third = ALL.sending();
        ALL.read(new Position(8, 5));
        ALL.done(third);
        told("the later one first");
        ALL.done(second);
        told("all");
        ALL.read(new Position(7, 99));
        told("an older segment again");
    }

    static void told(String what) {
        Position at = ALL.upTo();
        System.out.println(what + " = " + (at == null ? "-" : at.segment() + ":" + at.position()));
    }
}
"""


def test_the_oldest_hint_that_is_under_way_holds_it_back(release: Release, tmp_path: Path) -> None:
    lines = programs.run("TryAcknowledged", PROGRAM, release, tmp_path).splitlines()
    assert dict(line.split(" = ") for line in lines if " = " in line) == {
        "nothing": "-",
        "no hint in it": "7:10",
        "one of two hints of a mutation, the other not yet sent": "7:10",
        "the later one first": "7:10",
        "all": "8:5",
        "an older segment again": "8:5",
    }
