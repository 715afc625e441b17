"""Test how capture reads a node's schema tables: one unknown thing costs only its users."""

import pytest

from tests.capture import programs
from tools.releases import Release

pytestmark = pytest.mark.slow

PROGRAM = """
package hintferry.capture;

import hintferry.capture.SchemaRows.*;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.dht.Murmur3Partitioner;

public class TryNodeSchema {
    static final List<OfKeyspace> KEYSPACES = List.of(
            new OfKeyspace("shop", true), new OfKeyspace("system_shop", true),
            new OfKeyspace("system_auth", true), new OfKeyspace("loose", false));
    static final List<OfTable> TABLES = new ArrayList<>();
    static final List<OfColumn> COLUMNS = new ArrayList<>();

    public static void main(String[] args) {
        DatabaseDescriptor.clientInitialization(false);
        DatabaseDescriptor.setPartitionerUnsafe(Murmur3Partitioner.instance);
        table("shop", "plain", true, "text", 5);
        table("shop", "foreign", true, "'com.example.Gone'", 5);
        table("shop", "typed", true, "frozen<fine>", 5);
        table("shop", "broken", true, "frozen<outer>", 5);
        table("shop", "uncaptured", false, "text", 5);
        table("loose", "unlogged", true, "text", 5);
        table("system_shop", "users", true, "text", 5);
        table("system_auth", "roles", true, "text", 5);
        TABLES.add(new OfTable("shop", "keyless", UUID.randomUUID(), true, Set.of("compound"), 5));
        List<OfType> types = List.of(
                new OfType("shop", "outer", List.of("i"), List.of("frozen<inner>"), 9),
                new OfType("shop", "inner", List.of("g"), List.of("'com.example.Gone'"), 9),
                new OfType("shop", "fine", List.of("d"), List.of("frozen<deep>"), 7),
                new OfType("shop", "deep", List.of("n"), List.of("int"), 8));
        List<OfView> views = List.of(new OfView("shop", "by_v", UUID.randomUUID()));
        NodeSchema schema = NodeSchema.of(UUID.randomUUID(),
                new SchemaRows(KEYSPACES, TABLES, views, COLUMNS, List.of(), types, null));
        schema.keyspaces();
        schema.tables().values().stream().map(TryNodeSchema::told).sorted()
                .forEach(System.out::println);
    }

    static void table(String keyspace, String name, boolean cdc, String type, long altered) {
        UUID id = UUID.randomUUID();
        TABLES.add(new OfTable(keyspace, name, id, cdc, Set.of("compound"), altered));
        column(keyspace, name, "id", "partition_key", "int");
        column(keyspace, name, "v", "regular", type);
    }

    static void column(String keyspace, String table, String name, String kind, String type) {
        COLUMNS.add(new OfColumn(keyspace, table, name, ByteBuffer.wrap(name.getBytes()), kind, 0,
                "none", type));
    }

    static String told(KnownTable table) {
        String known = table.captured() ? "captured, altered " + table.alteredMicros()
                : table.wanted() ? "wanted: " + table.why()
                : table.isUsers() ? "not wanted" : "ignored";
        return table.keyspace() + "." + table.name() + " " + known;
    }
}
"""


@pytest.fixture(scope="module")
def told(release: Release, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("schema")
    output = programs.run("TryNodeSchema", PROGRAM, release, home)
    lines = [line.partition(" ") for line in output.splitlines() if "." in line]
    return {name: known for name, _, known in lines}


def test_what_is_understood_is_captured(told: dict[str, str]) -> None:
    assert told["shop.plain"] == "captured, altered 5"
    assert told["system_shop.users"] == "captured, altered 5"


def test_an_alter_of_a_type_is_one_of_each_table_that_uses_it(told: dict[str, str]) -> None:
    """Also of a type in it; a type that it does not use (9 is the newest) does not count."""
    assert told["shop.typed"] == "captured, altered 8"


def test_what_is_not_understood_costs_only_itself_and_says_why(told: dict[str, str]) -> None:
    assert told["shop.foreign"].startswith("wanted: column v: type 'com.example.Gone' is not under")
    assert told["shop.broken"].startswith("wanted: column v: type frozen<outer> is not understood")
    assert told["shop.keyless"].startswith("wanted: ")


def test_a_keyspace_whose_writes_are_not_logged_is_not_captured(told: dict[str, str]) -> None:
    assert told["loose.unlogged"].startswith("wanted: its keyspace has durable_writes = false")


def test_views_and_cassandras_own_tables_are_ignored(told: dict[str, str]) -> None:
    assert (told["shop.by_v"], told["system_auth.roles"]) == ("ignored", "ignored")
    assert told["shop.uncaptured"] == "not wanted"
