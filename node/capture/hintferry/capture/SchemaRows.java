package hintferry.capture;

import com.datastax.oss.driver.api.core.cql.Row;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;

/** What the node's schema tables say; equal as long as nothing was altered. */
record SchemaRows(List<OfKeyspace> keyspaces, List<OfTable> tables, List<OfView> views, List<OfColumn> columns,
                  List<OfDropped> dropped, List<OfType> types, String notLogged) {
    record OfKeyspace(String name, boolean durable) {
    }

    record OfTable(String keyspace, String name, UUID id, boolean cdc, Set<String> flags, long altered) {
    }

    record OfView(String keyspace, String name, UUID id) {
    }

    record OfColumn(String keyspace, String table, String name, ByteBuffer bytes, String kind,
                    int position, String order, String type) {
    }

    record OfDropped(String keyspace, String table, String name, String kind, long atMillis, String type) {
    }

    record OfType(String keyspace, String name, List<String> fields, List<String> types, long altered) {
    }

    static SchemaRows read(OwnNode node) {
        return new SchemaRows(
                rows(node, "durable_writes", "keyspaces",
                        row -> new OfKeyspace(row.getString(0), row.getBoolean(1))),
                rows(node, "table_name, id, cdc, flags, WRITETIME(gc_grace_seconds) AS altered", "tables",
                        row -> new OfTable(row.getString(0), row.getString(1), row.getUuid(2),
                                row.getBoolean(3), row.getSet(4, String.class), row.getLong(5))),
                rows(node, "view_name, id", "views",
                        row -> new OfView(row.getString(0), row.getString(1), row.getUuid(2))),
                rows(node, "table_name, column_name, column_name_bytes, kind, position, clustering_order,"
                                + " type", "columns",
                        row -> new OfColumn(row.getString(0), row.getString(1), row.getString(2),
                                row.getByteBuffer(3), row.getString(4), row.getInt(5), row.getString(6),
                                row.getString(7))),
                rows(node, "table_name, column_name, kind, dropped_time, type", "dropped_columns",
                        row -> new OfDropped(row.getString(0), row.getString(1), row.getString(2),
                                row.getString(3), row.getInstant(4).toEpochMilli(), row.getString(5))),
                rows(node, "type_name, field_names, field_types, WRITETIME(field_names) AS altered", "types",
                        row -> new OfType(row.getString(0), row.getString(1),
                                row.getList(2, String.class), row.getList(3, String.class),
                                row.getLong(4))),
                node.notLogged());
    }

    private static <T> List<T> rows(OwnNode node, String columns, String table, Function<Row, T> make) {
        return node.rows("SELECT keyspace_name, " + columns + " FROM system_schema." + table)
                .stream().map(make).toList();
    }
}
