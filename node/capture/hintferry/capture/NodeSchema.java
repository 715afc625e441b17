package hintferry.capture;

import hintferry.capture.SchemaRows.OfColumn;
import hintferry.capture.SchemaRows.OfDropped;
import hintferry.capture.SchemaRows.OfKeyspace;
import hintferry.capture.SchemaRows.OfTable;
import hintferry.capture.SchemaRows.OfType;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.cassandra.cql3.ColumnIdentifier;
import org.apache.cassandra.db.marshal.AbstractType;
import org.apache.cassandra.db.marshal.ReversedType;
import org.apache.cassandra.schema.CQLTypeParser;
import org.apache.cassandra.schema.ColumnMetadata;
import org.apache.cassandra.schema.KeyspaceMetadata;
import org.apache.cassandra.schema.KeyspaceParams;
import org.apache.cassandra.schema.Keyspaces;
import org.apache.cassandra.schema.SchemaConstants;
import org.apache.cassandra.schema.TableId;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.schema.TableParams;
import org.apache.cassandra.schema.Tables;
import org.apache.cassandra.schema.Types;
import org.apache.cassandra.utils.ByteBufferUtil;

/**
 * The node's schema at one version, made of its rows as Cassandra makes its own when it starts, so
 * no name or type needs to be printed and parsed. A table that cannot be made costs only itself.
 */
record NodeSchema(UUID version, String notLogged, Map<TableId, KnownTable> tables) {
    static final NodeSchema NONE = new NodeSchema(null, null, Map.of());

    static NodeSchema of(UUID version, SchemaRows rows) {
        Map<TableId, KnownTable> tables = new HashMap<>();
        Map<String, List<OfColumn>> columns = by(rows.columns(), one -> path(one.keyspace(), one.table()));
        Map<String, List<OfDropped>> dropped = by(rows.dropped(), one -> path(one.keyspace(), one.table()));
        Map<String, List<OfType>> typeRows = by(rows.types(), OfType::keyspace);
        Map<String, Types> types = new HashMap<>();
        typeRows.forEach((keyspace, own) -> types.put(keyspace, types(keyspace, own)));
        Set<String> durable = rows.keyspaces().stream().filter(OfKeyspace::durable)
                .map(OfKeyspace::name).collect(Collectors.toSet());
        for (OfTable row : rows.tables()) {
            String path = path(row.keyspace(), row.name());
            KnownTable table = table(row, columns.getOrDefault(path, List.of()),
                    dropped.getOrDefault(path, List.of()), typeRows.getOrDefault(row.keyspace(), List.of()),
                    types.getOrDefault(row.keyspace(), Types.none()), durable.contains(row.keyspace()), rows.notLogged());
            tables.put(table.id(), table);
        }
        rows.views().forEach(view -> tables.put(TableId.fromUUID(view.id()),
                KnownTable.ignored(view.keyspace(), view.name(), view.id())));
        return new NodeSchema(version, rows.notLogged(), tables);
    }

    /** Its tables as Cassandra's own reader of the log wants them. */
    Keyspaces keyspaces() {
        Map<String, Tables.Builder> built = new HashMap<>();
        for (KnownTable table : tables.values())
            if (table.metadata() != null)
                built.computeIfAbsent(table.keyspace(), unused -> Tables.builder()).add(table.metadata());
        Keyspaces all = Keyspaces.none();
        for (Map.Entry<String, Tables.Builder> one : built.entrySet())
            all = all.withAddedOrUpdated(KeyspaceMetadata.create(one.getKey(), KeyspaceParams.local(),
                    one.getValue().build()));
        return all;
    }

    private static KnownTable table(OfTable row, List<OfColumn> columns, List<OfDropped> dropped,
                                    List<OfType> typeRows, Types types, boolean isDurable,
                                    String notLogged) {
        if (SchemaConstants.isSystemKeyspace(row.keyspace()))
            return KnownTable.ignored(row.keyspace(), row.name(), row.id());
        if (!isDurable)
            return KnownTable.notCaptured(row, "its keyspace has durable_writes = false: nothing is logged");
        try {
            TableMetadata metadata = metadata(row, columns, dropped, types);
            return new KnownTable(row.keyspace(), row.name(), row.id(), metadata, true, row.cdc(),
                    altered(row, typeRows, metadata), notLogged);
        }
        catch (RuntimeException | AssertionError | LinkageError cause) {
            return KnownTable.notCaptured(row, reason(cause));
        }
    }

    private static TableMetadata metadata(OfTable row, List<OfColumn> columns, List<OfDropped> dropped,
                                          Types types) {
        TableMetadata.Builder builder = TableMetadata.builder(row.keyspace(), row.name(),
                        TableId.fromUUID(row.id()))
                .flags(TableMetadata.Flag.fromStringSet(row.flags()))
                .params(TableParams.builder().cdc(row.cdc()).build());
        columns.stream().sorted(Comparator.comparingInt(OfColumn::position))
                .forEach(column -> add(builder, column, types));
        dropped.forEach(column -> record(builder, column));
        TableMetadata metadata = builder.build();
        if (metadata.partitionKeyColumns().isEmpty())
            throw new IllegalArgumentException("it has no partition key");
        return metadata;
    }

    private static void add(TableMetadata.Builder builder, OfColumn column, Types types) {
        ColumnIdentifier name = new ColumnIdentifier(column.bytes(), column.name());
        AbstractType<?> type = type(column.keyspace(), column.name(), column.type(), types);
        switch (column.kind()) {
            case "partition_key" -> builder.addPartitionKeyColumn(name, type);
            case "clustering" -> builder.addClusteringColumn(name,
                    column.order().equalsIgnoreCase("desc") ? ReversedType.getInstance(type) : type);
            case "static" -> builder.addStaticColumn(name, type);
            case "regular" -> builder.addRegularColumn(name, type);
            default -> throw new IllegalArgumentException("column " + column.name() + ": kind "
                    + column.kind() + " is not understood");
        }
    }

    /** The log may hold values of a column that was dropped since. Its type names no user type. */
    private static void record(TableMetadata.Builder builder, OfDropped column) {
        AbstractType<?> type = type(column.keyspace(), column.name(), column.type(), Types.none());
        builder.recordColumnDrop("static".equals(column.kind())
                ? ColumnMetadata.staticColumn(column.keyspace(), column.table(), column.name(), type)
                : ColumnMetadata.regularColumn(column.keyspace(), column.table(), column.name(), type),
                column.atMillis() * 1000);
    }

    private static AbstractType<?> type(String keyspace, String column, String text, Types types) {
        try {
            return CQLTypeParser.parse(keyspace, text, types);
        }
        catch (RuntimeException | AssertionError | LinkageError cause) {
            throw new IllegalArgumentException("column " + column + ": type " + text
                    + " is not understood: " + reason(cause));
        }
    }

    /** Those that are understood: one that is not costs only what it is used by. */
    private static Types types(String keyspace, List<OfType> rows) {
        List<OfType> understood = new ArrayList<>(rows);
        Types all = built(keyspace, understood);
        if (all != null)
            return all;
        understood.clear();
        List<OfType> left = new ArrayList<>(rows);
        while (left.removeIf(row -> understand(keyspace, understood, row)))
            all = built(keyspace, understood);
        return all == null ? Types.none() : all;
    }

    private static boolean understand(String keyspace, List<OfType> understood, OfType row) {
        understood.add(row);
        if (built(keyspace, understood) != null)
            return true;
        understood.remove(row);
        return false;
    }

    private static Types built(String keyspace, List<OfType> rows) {
        Types.RawBuilder builder = Types.rawBuilder(keyspace);
        try {
            rows.forEach(row -> builder.add(row.name(), row.fields(), row.types()));
            return builder.build();
        }
        catch (RuntimeException | AssertionError | LinkageError cause) {
            return null;
        }
    }

    /**
     * Only the types that it uses count. They cannot be dropped before the table is altered, so this
     * never goes back; that of any type would, and hints would then wait for it for ever.
     */
    private static long altered(OfTable row, List<OfType> types, TableMetadata metadata) {
        return Math.max(row.altered(), types.stream()
                .filter(type -> metadata.columns().stream().anyMatch(column ->
                        column.type.referencesUserType(ByteBufferUtil.bytes(type.name()))))
                .mapToLong(OfType::altered).max().orElse(0));
    }

    private static String reason(Throwable cause) {
        return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    }

    private static <T> Map<String, List<T>> by(List<T> rows, Function<T, String> key) {
        return rows.stream().collect(Collectors.groupingBy(key));
    }

    /** A key of the maps above; no name holds a zero. */
    private static String path(String keyspace, String table) {
        return keyspace + '\0' + table;
    }
}
