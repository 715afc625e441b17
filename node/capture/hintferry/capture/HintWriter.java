package hintferry.capture;

import io.debezium.connector.base.ChangeEventQueue;
import io.debezium.connector.cassandra.CassandraConnectorContext;
import io.debezium.connector.cassandra.Event;
import io.debezium.connector.cassandra.KeyspaceTable;
import io.debezium.connector.cassandra.OffsetPosition;
import io.debezium.connector.cassandra.SourceInfo;
import io.debezium.connector.cassandra.exceptions.CassandraConnectorTaskException;
import io.debezium.connector.cassandra.metrics.CassandraStreamingMetrics;
import io.debezium.time.Conversions;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.schema.TableMetadata;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns mutations into hint records on Debezium's queue. Nothing that a mutation holds may end the
 * reading: what cannot be walked becomes a hint of its whole partition, is counted and is logged.
 */
final class HintWriter {
    private static final Logger LOG = LoggerFactory.getLogger(HintWriter.class);

    private final CassandraConnectorContext context;
    private final CassandraStreamingMetrics metrics;
    private final SchemaKeeper schema;
    private final Acknowledged acknowledged;
    private final String node;
    private final ChangeEventQueue<Event> queue;

    HintWriter(CassandraConnectorContext context, CassandraStreamingMetrics metrics, SchemaKeeper schema,
               Acknowledged acknowledged, String node) {
        this.context = context;
        this.metrics = metrics;
        this.schema = schema;
        this.acknowledged = acknowledged;
        this.node = node;
        this.queue = context.getQueues().get(0);
    }

    void write(Mutation mutation, OffsetPosition at) {
        metrics.setCommitLogPosition(at.filePosition);
        for (PartitionUpdate update : mutation.getPartitionUpdates()) {
            KnownTable table = schema.table(update.metadata().id);
            if (table != null && table.hinted())
                write(table, update, at);
        }
        metrics.onSuccess();
    }

    /** A mutation that cannot be read, of which the table and the partition key are known. */
    void unreadable(KnownTable table, ByteBuffer key, OffsetPosition at, Throwable cause) {
        if (!table.hinted()) {
            LOG.error("The mutation of {} at {} is not understood; if it was a marker, it settles nothing.",
                    table.path(), at, cause);
            return;
        }
        wholePartition(table, key, System.currentTimeMillis() * 1000, at, cause);
    }

    private void write(KnownTable table, PartitionUpdate update, OffsetPosition at) {
        ByteBuffer key = update.partitionKey().getKey();
        List<Hint> hints;
        long micros;
        try {
            hints = Hints.of(update);
            micros = Hints.writtenAt(update);
        }
        catch (RuntimeException | AssertionError cause) {
            wholePartition(table, key, update.maxTimestamp(), at, cause);
            return;
        }
        send(table, key, hints, micros, at);
    }

    private void wholePartition(KnownTable table, ByteBuffer key, long micros, OffsetPosition at,
                                Throwable cause) {
        metrics.onUnrecoverableError();
        LOG.error("The mutation at {} of {}.{} is not understood; its whole partition is hinted.",
                at, table.keyspace(), table.name(), cause);
        Hint hint = Hint.partition(Hint.Op.UPDATE, Hints.hasClustering(table.metadata()));
        send(table, key, List.of(hint), micros, at);
    }

    private void send(KnownTable table, ByteBuffer key, List<Hint> hints, long micros, OffsetPosition at) {
        TableMetadata metadata = table.metadata();
        List<byte[]> parts = Hints.partitionKey(metadata, key);
        SourceInfo source = new SourceInfo(context.getCassandraConnectorConfig(),
                DatabaseDescriptor.getClusterName(), at,
                new KeyspaceTable(table.keyspace(), table.name()), false,
                Conversions.toInstantFromMicros(micros));
        for (Hint hint : hints)
            enqueue(new HintRecord(source, hint, parts, table.alteredMicros(), micros, node,
                    acknowledged.sending()));
        schema.hinted(table, micros);
    }

    private void enqueue(HintRecord record) {
        try {
            queue.enqueue(record);
        }
        catch (InterruptedException stopping) {
            throw new ReadingStopped(stopping);
        }
    }

    /** The process is ending; what was not written is read again after the next start. */
    static final class ReadingStopped extends CassandraConnectorTaskException {
        ReadingStopped(InterruptedException cause) {
            super("Reading of the commit log was interrupted", cause);
            // Else Debezium would go on, and put the segment away as if it were read.
            Thread.currentThread().interrupt();
        }
    }
}
