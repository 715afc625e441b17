package hintferry.capture;

import hintferry.capture.Acknowledged.Sent;
import io.debezium.connector.cassandra.ChangeRecord;
import io.debezium.connector.cassandra.SourceInfo;
import java.util.List;
import org.apache.kafka.connect.data.Struct;

/**
 * A hint on its way to Kafka. Debezium's queue and emitter treat it as any change record; what is
 * written is ours. Its Kafka key is the partition key, so hints of a partition stay in order.
 */
final class HintRecord extends ChangeRecord {
    private final Hint hint;
    private final List<byte[]> partitionKey;
    private final long alteredMicros;
    private final long writtenMicros;
    private final String node;
    private final Sent sent;

    HintRecord(SourceInfo source, Hint hint, List<byte[]> partitionKey, long alteredMicros,
               long writtenMicros, String node, Sent sent) {
        super(source, null, Hint.KEY, Hint.VALUE, operation(hint.op()), false);
        this.hint = hint;
        this.partitionKey = partitionKey;
        this.alteredMicros = alteredMicros;
        this.writtenMicros = writtenMicros;
        this.node = node;
        this.sent = sent;
    }

    Sent sent() {
        return sent;
    }

    @Override
    public Struct buildKey() {
        return new Struct(Hint.KEY).put("pk", partitionKey);
    }

    @Override
    public Struct buildValue() {
        SourceInfo source = getSource();
        return new Struct(Hint.VALUE)
                .put("hint", Hint.VERSION)
                .put("scope", hint.scope().text())
                .put("op", hint.op().letter)
                .put("keyspace", source.keyspaceTable.keyspace)
                .put("table", source.keyspaceTable.table)
                .put("pk", partitionKey)
                .put("ck", hint.clustering())
                .put("start", hint.start() == null ? null : hint.start().struct())
                .put("end", hint.end() == null ? null : hint.end().struct())
                .put("altered_us", alteredMicros)
                .put("ts_us", writtenMicros)
                .put("node", node)
                .put("file", source.offsetPosition.fileName)
                .put("pos", source.offsetPosition.filePosition);
    }

    private static Operation operation(Hint.Op op) {
        return switch (op) {
            case INSERT -> Operation.INSERT;
            case UPDATE -> Operation.UPDATE;
            case DELETE -> Operation.DELETE;
            case RANGE -> Operation.RANGE_TOMBSTONE;
        };
    }
}
