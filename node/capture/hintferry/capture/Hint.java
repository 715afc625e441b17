package hintferry.capture;

import java.util.List;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;

/**
 * What may have changed in one partition: one row, the static row, a slice of rows, or everything.
 * Key parts are the exact bytes of CQL's wire format; no cell value is ever held.
 *
 * @param clustering all clustering components of a row; null for every other scope
 * @param start first bound of a slice in the table's clustering order; null for other scopes
 */
record Hint(Scope scope, Op op, List<byte[]> clustering, Bound start, Bound end) {
    static final int VERSION = 1;

    enum Scope {
        ROW, STATIC, PARTITION, SLICE;

        String text() {
            return name().toLowerCase();
        }
    }

    /** Debezium's letters. */
    enum Op {
        INSERT("i"), UPDATE("u"), DELETE("d"), RANGE("r");

        final String letter;

        Op(String letter) {
            this.letter = letter;
        }
    }

    /** One end of a slice: the leading clustering components it names (none: open). */
    record Bound(List<byte[]> values, boolean inclusive) {
        static final Bound OPEN = new Bound(List.of(), true);

        Struct struct() {
            return new Struct(BOUND).put("values", values).put("inclusive", inclusive);
        }
    }

    private static final Schema PARTS = SchemaBuilder.array(Schema.BYTES_SCHEMA).build();
    private static final Schema BOUND = SchemaBuilder.struct().name("hintferry.Bound").optional()
            .field("values", PARTS).field("inclusive", Schema.BOOLEAN_SCHEMA).build();

    static final Schema KEY = SchemaBuilder.struct().name("hintferry.Key").field("pk", PARTS).build();
    static final Schema VALUE = SchemaBuilder.struct().name("hintferry.Hint")
            .field("hint", Schema.INT32_SCHEMA)
            .field("scope", Schema.STRING_SCHEMA)
            .field("op", Schema.STRING_SCHEMA)
            .field("keyspace", Schema.STRING_SCHEMA)
            .field("table", Schema.STRING_SCHEMA)
            .field("pk", PARTS)
            .field("ck", SchemaBuilder.array(Schema.BYTES_SCHEMA).optional().build())
            .field("start", BOUND)
            .field("end", BOUND)
            .field("altered_us", Schema.OPTIONAL_INT64_SCHEMA)
            .field("ts_us", Schema.INT64_SCHEMA)
            .field("node", Schema.STRING_SCHEMA)
            .field("file", Schema.STRING_SCHEMA)
            .field("pos", Schema.INT32_SCHEMA)
            .build();

    static Hint row(Op op, List<byte[]> clustering) {
        return new Hint(Scope.ROW, op, clustering, null, null);
    }

    static Hint staticRow() {
        return new Hint(Scope.STATIC, Op.UPDATE, null, null, null);
    }

    static Hint slice(Bound start, Bound end) {
        return new Hint(Scope.SLICE, Op.RANGE, null, start, end);
    }

    /** Everything of a partition; a table without clustering columns has one row to name. */
    static Hint partition(Op op, boolean hasClustering) {
        return hasClustering ? new Hint(Scope.PARTITION, op, null, null, null) : row(op, List.of());
    }
}
