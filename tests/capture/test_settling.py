"""Test what a marker waits for: older segments, and the ends that its topic had."""

from pathlib import Path

import pytest

from tests.capture import programs
from tools.releases import Release

pytestmark = pytest.mark.slow

SEGMENTS = """
package hintferry.capture;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;

public class TrySegments {
    static Path raw;
    static Path aside;

    public static void main(String[] args) throws Exception {
        raw = Files.createTempDirectory("raw");
        aside = raw.resolve("aside");
        told("empty");
        Files.createFile(raw.resolve("CommitLog-7-9.log"));
        Files.createFile(raw.resolve("CommitLog-7-9_cdc.idx"));
        Files.createFile(raw.resolve("CommitLog-7-12_cdc.idx"));
        told("its own and a newer one");
        Files.createFile(raw.resolve("CommitLog-7-7.log"));
        told("an older one without captured writes");
        Files.createFile(raw.resolve("CommitLog-7-8_cdc.idx"));
        told("an older one");
        Files.delete(raw.resolve("CommitLog-7-8_cdc.idx"));
        Files.createDirectory(aside);
        told("nothing aside");
        Files.createFile(aside.resolve("CommitLog-7-30.log"));
        Files.createFile(aside.resolve("CommitLog-7-30_cdc.idx"));
        told("one aside");
    }

    static void told(String what) {
        String why = new Segments(raw.toFile(), aside.toFile()).unreadBefore(9);
        System.out.println(what + " = " + (why == null ? "-" : why.replace(raw.toString(), "RAW")));
    }
}
"""

PENDING = """
package hintferry.capture;

import hintferry.capture.Acknowledged.Position;
import hintferry.capture.Brokers.Answer;
import hintferry.capture.Brokers.Part;
import hintferry.capture.Pending.Waiting;
import java.util.Map;

public class TryPending {
    static Pending all = new Pending();
    static Watermark mark = Watermark.none(0).of("a");

    public static void main(String[] args) {
        for (long number : new long[]{ 4, 5, 3, 7, 6 })
            all.add(new Marker("shop.orders", number, null, new Position(1, 1)), 0);
        told("added");
        all.settled(4);
        told("oldest settled");
        all.add(new Marker("shop.orders", 9, null, new Position(1, 1)), 0);
        all.settled(9);
        told("newest settled");

        asked("empty topic", part(0, 0, null));
        asked("nothing committed", part(0, 5, null));
        asked("one before", part(0, 5, 4L));
        asked("at the end", part(0, 5, 5L));
        asked("beyond the end", part(0, 5, 9L));
        mark = mark.deletedBelow(0, 5);
        asked("nothing left to read", part(5, 5, null));
        mark = mark.of("b");
        asked("of another topic", part(0, 5, null));
        grown();
        aged();
    }

    /** A table is asked for often while a marker of its own is new, whatever others wait for. */
    static void aged() {
        Pending own = new Pending();
        own.add(new Marker("shop.orders", 1, null, new Position(1, 1)), 0);
        System.out.println("just heard = " + own.isYoung(29_999));
        System.out.println("long heard = " + own.isYoung(30_000));
        own.add(new Marker("shop.orders", 2, null, new Position(1, 1)), 40_000);
        System.out.println("a newer one = " + own.isYoung(69_999));
        System.out.println("none = " + new Pending().isYoung(0));
    }

    static Part part(long begin, long end, Long committed) {
        return new Part(begin, end, committed);
    }

    static void told(String what) {
        System.out.println(what + " = " + all.all().map(one -> one.marker.number()).toList());
    }

    static void asked(String what, Part part) {
        Waiting one = waiting();
        Answer answer = new Answer("a", Map.of(0, part), null);
        one.takeEnds(answer);
        System.out.println(what + " = " + one.behind(answer, mark));
    }

    static Waiting waiting() {
        Pending own = new Pending();
        own.add(new Marker("shop.orders", 1, null, new Position(1, 1)), 0);
        return own.oldest();
    }

    /** The ends stay those of the first answer, but of a topic that was made again. */
    static void grown() {
        Waiting one = waiting();
        one.takeEnds(new Answer("a", Map.of(0, part(0, 5, null)), null));
        Answer later = new Answer("a", Map.of(0, part(0, 9, 5L), 1, part(0, 3, null)), null);
        one.takeEnds(later);
        System.out.println("grown = " + one.behind(later, mark));
        Answer again = new Answer("b", Map.of(0, part(0, 9, 5L)), null);
        one.takeEnds(again);
        System.out.println("made again = " + one.behind(again, mark));
    }
}
"""


def lines_of(name: str, program: str, release: Release, home: Path) -> dict[str, str]:
    printed = programs.run(name, program, release, home).splitlines()
    return dict(line.split(" = ", 1) for line in printed if " = " in line)


def test_older_segments_and_those_set_aside_hold_it(release: Release, tmp_path: Path) -> None:
    told = lines_of("TrySegments", SEGMENTS, release, tmp_path)
    quiet = "empty", "its own and a newer one", "nothing aside"
    assert {told[what] for what in quiet} == {"-"}
    assert told["an older one without captured writes"] == "-"
    assert told["an older one"].startswith("segment 8 in RAW is older than the marker")
    assert told["one aside"].startswith("segments set aside in RAW/aside: 1; stop")


def test_the_oldest_and_the_newest_marker_wait_for_the_ends_of_their_time(
    release: Release, tmp_path: Path
) -> None:
    assert lines_of("TryPending", PENDING, release, tmp_path) == {
        "added": "[4, 7]",
        "oldest settled": "[7]",
        "newest settled": "[]",
        "empty topic": "null",
        "nothing committed": "0",
        "one before": "0",
        "at the end": "null",
        "beyond the end": "0",
        "nothing left to read": "null",
        "of another topic": "0",
        "grown": "null",
        "made again": "0",
        "just heard": "true",
        "long heard": "false",
        "a newer one": "true",
        "none": "false",
    }
