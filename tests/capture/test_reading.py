"""Test that a segment which cannot be read counts as lost, or ends the process: never neither."""

from pathlib import Path

import pytest

from tests.capture import programs
from tools.releases import Release

pytestmark = pytest.mark.slow

# A name that is no log's: to read it fails at once, and not with an IOException.
HEAD = """
package hintferry.capture;

import com.datastax.oss.driver.api.core.DriverTimeoutException;
import com.datastax.oss.driver.api.core.cql.ResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.metadata.Node;
import io.debezium.connector.cassandra.CassandraClient;
import java.io.File;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.apache.cassandra.config.Config;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.dht.Murmur3Partitioner;
import org.apache.cassandra.schema.TableId;

public class NAME {
    static final Set<String> GIVEN_UP = ConcurrentHashMap.newKeySet();
    static final UUID HOST = UUID.randomUUID();
    static Path home;
    /** What the node answers to a query; null: nothing. */
    static Function<String, List<Object[]>> rows;

    static class Silent extends CassandraClient {
        Silent() {
            super(null, null);
        }

        @Override
        public Set<Node> getHosts() {
            Optional<InetSocketAddress> own = Optional.of(new InetSocketAddress("127.0.0.1", 1));
            return Set.of((Node) Proxy.newProxyInstance(Node.class.getClassLoader(),
                    new Class<?>[]{ Node.class },
                    (node, method, values) -> switch (method.getName()) {
                        case "getHostId" -> HOST;
                        case "hashCode" -> 1;
                        case "equals" -> node == values[0];
                        default -> own;
                    }));
        }

        @Override
        public ResultSet execute(SimpleStatement query) {
            if (rows == null)
                throw new DriverTimeoutException("no answer");
            List<Row> answer = rows.apply(query.getQuery()).stream().map(NAME::row).toList();
            return (ResultSet) Proxy.newProxyInstance(Row.class.getClassLoader(),
                    new Class<?>[]{ ResultSet.class }, (set, method, values) -> answer);
        }
    }

    static Row row(Object[] cells) {
        return (Row) Proxy.newProxyInstance(Row.class.getClassLoader(), new Class<?>[]{ Row.class },
                (row, method, values) -> cells[(int) values[0]]);
    }

    static SchemaKeeper schema(OwnNode node) {
        return new SchemaKeeper(node, new Topics("t"), new GuardLosses(home.toString()), GIVEN_UP);
    }

    static OwnNode silent() throws Exception {
        var field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        var unsafe = (sun.misc.Unsafe) field.get(null);
        Config yaml = new Config();
        yaml.listen_address = "127.0.0.1";
        return new OwnNode((Silent) unsafe.allocateInstance(Silent.class), yaml);
    }

    static SegmentReader reader(OwnNode node) {
        return new SegmentReader(schema(node), null, null, new Acknowledged());
    }

    static File log() throws Exception {
        return Files.createFile(home.resolve("Broken.log")).toFile();
    }

    static void index(String text) throws Exception {
        Files.writeString(home.resolve("Broken_cdc.idx"), text);
    }

    static void read(SegmentReader reader, File log) {
        try {
            reader.readCommitLogSegment(log, 9, 0);
            System.out.println("came back");
        }
        catch (Exception thrown) {
            System.out.println("threw " + thrown.getMessage());
        }
    }

    public static void main(String[] args) throws Exception {
        home = Files.createTempDirectory("raw");
        BODY
    }
}
"""
LIVE = """
        SegmentReader reader = reader(silent());
        File log = log();
        index("100");
        read(reader, log);
        read(reader, log);
        index("200\\nCOMPLETED");
        read(reader, log);
"""
MISSING = """
        SegmentReader reader = reader(silent());
        File log = log();
        Thread reading = new Thread(() -> read(reader, log));
        reading.start();
        reading.join(1_000);
        System.out.println(reading.isAlive() ? "waits" : "went on");
        log.delete();
        reading.join(10_000);
"""
UNEXPECTED = """
        File log = log();
        index("100");
        read(reader(null), log);
"""
GIVEN_UP = """
        SchemaKeeper schema = schema(silent());
        for (String name : new String[]{ "none", "one", "one", "two" }) {
            if (!name.equals("none"))
                GIVEN_UP.add(name);
            System.out.println("given up: " + name);
            schema.heedLosses();
        }
"""

CDC_OFF = """
        DatabaseDescriptor.clientInitialization(false);
        DatabaseDescriptor.setPartitionerUnsafe(Murmur3Partitioner.instance);
        UUID version = UUID.randomUUID();
        UUID table = UUID.randomUUID();
        String[] cdc = { "true" };
        ByteBuffer name = ByteBuffer.wrap("id".getBytes());
        rows = query -> {
            Object[] found = query.contains("system.local") ? new Object[]{ HOST, version }
                    : query.contains("settings") ? new Object[]{ cdc[0] }
                    : query.contains("keyspaces") ? new Object[]{ "shop", true }
                    : query.contains("schema.tables")
                            ? new Object[]{ "shop", "orders", table, true, Set.of("compound"), 5L }
                    : query.contains("schema.columns") ? new Object[]{ "shop", "orders", "id", name,
                            "partition_key", 0, "none", "int" }
                    : null;
            return found == null ? List.of() : List.<Object[]>of(found);
        };
        SchemaKeeper schema = schema(silent());
        TableId id = TableId.fromUUID(table);
        for (String set : new String[]{ "true", "false", "true" }) {
            cdc[0] = set;
            schema.lookBeforeReading();
            System.out.println(set + ": since = " + schema.since(id)
                    + ", hinted = " + schema.captures(id));
            Thread.sleep(5);
        }
"""


def play(name: str, body: str, release: Release, home: Path) -> str:
    program = HEAD.replace("NAME", name).replace("BODY", body)
    return programs.run(name, program, release, home)


def told(output: str, *marks: str) -> list[str]:
    """Return which of the marks each line has, in order."""
    return [mark for line in output.splitlines() for mark in marks if mark in line]


def test_a_live_segment_is_never_thrown_away(release: Release, tmp_path: Path) -> None:
    """Debezium would move it while the node still writes to it."""
    output = play("TryLive", LIVE, release, tmp_path)
    marks = "LOST HINTS: ", "came back", "threw LOST HINTS of "
    assert told(output, *marks) == [
        "LOST HINTS: ", "came back", "came back", "LOST HINTS: ", "threw LOST HINTS of ",
    ], output  # fmt: skip


def test_a_segment_without_its_index_waits_for_it_and_is_lost_once_it_is_gone(
    release: Release, tmp_path: Path
) -> None:
    output = play("TryMissing", MISSING, release, tmp_path)
    marks = "waits", "came back", "LOST HINTS: ", "threw LOST HINTS of "
    assert told(output, *marks) == ["waits", "LOST HINTS: ", "threw LOST HINTS of "], output


def test_what_nobody_expects_ends_the_process(release: Release, tmp_path: Path) -> None:
    """It reads again from what was acknowledged; Debezium would move the segment away unread."""
    with pytest.raises(AssertionError, match="could not be read; the process ends") as ended:
        play("TryUnexpected", UNEXPECTED, release, tmp_path)
    assert "threw" not in str(ended.value)


def test_a_segment_that_debezium_gives_up_is_a_loss_once(release: Release, tmp_path: Path) -> None:
    output = play("TryGivenUp", GIVEN_UP, release, tmp_path)
    marks = "given up: none", "given up: one", "given up: two", "Debezium gave a segment up"
    assert told(output, *marks) == [
        marks[0], marks[1], marks[3], marks[1], marks[2], marks[3],
    ], output  # fmt: skip


def test_a_node_whose_cdc_is_off_captures_nothing_until_it_is_on_again(
    release: Release, tmp_path: Path
) -> None:
    """The schema says cdc = true all the time. What is still in the log is hinted on."""
    output = play("TryCdcOff", CDC_OFF, release, tmp_path)
    lines = [line for line in output.splitlines() if ": since = " in line]
    on, off, again = (line.split(" = ")[1].removesuffix(", hinted") for line in lines)
    assert off == "null"
    assert int(again) > int(on)
    assert all(line.endswith("hinted = true") for line in lines)
    assert "Table shop.orders is not captured: cdc_enabled is not true on its node" in output
