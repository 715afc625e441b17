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
import org.apache.cassandra.config.Config;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.commitlog.CommitLogDescriptor;
import org.apache.cassandra.db.commitlog.CommitLogReadHandler;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.schema.TableMetadata;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns mutations into hint records on Debezium's queue. Nothing that a mutation holds may end the
 * reading: what cannot be walked becomes a hint of its whole partition, is counted and is logged.
 */
final class HintWriter implements CommitLogReadHandler {
    private static final Logger LOG = LoggerFactory.getLogger(HintWriter.class);

    private final CassandraConnectorContext context;
    private final CassandraStreamingMetrics metrics;
    private final ChangeEventQueue<Event> queue;
    private final String node = nodeAddress();

    HintWriter(CassandraConnectorContext context, CassandraStreamingMetrics metrics) {
        this.context = context;
        this.metrics = metrics;
        this.queue = context.getQueues().get(0);
    }

    @Override
    public void handleMutation(Mutation mutation, int size, int end, CommitLogDescriptor segment) {
        if (!mutation.trackedByCDC())
            return;
        metrics.setCommitLogPosition(end);
        OffsetPosition at = new OffsetPosition(segment.fileName(), end);
        for (PartitionUpdate update : mutation.getPartitionUpdates())
            if (wants(update.metadata(), at))
                handleUpdate(update, at);
        metrics.onSuccess();
    }

    /** A mutation that cannot be read, of which the table and the partition key are known. */
    void handleUnreadable(TableMetadata table, ByteBuffer key, OffsetPosition at, Exception cause) {
        if (!wants(table, at))
            return;
        long now = System.currentTimeMillis() * 1000;
        wholePartition(table, key, now, at, cause);
    }

    /** A mutation of which nothing is known: the one case in which a hint is lost. */
    void handleLost(OffsetPosition at, Exception cause) {
        metrics.onUnrecoverableError();
        LOG.error("LOST HINT: the mutation at {} could not be read and its table is unknown;"
                + " sweep every table that changed its schema lately.", at, cause);
    }

    private void handleUpdate(PartitionUpdate update, OffsetPosition at) {
        TableMetadata table = update.metadata();
        ByteBuffer key = update.partitionKey().getKey();
        try {
            write(table, key, Hints.of(update), Hints.writtenAt(update), at);
        }
        catch (RuntimeException | AssertionError cause) {
            wholePartition(table, key, update.maxTimestamp(), at, cause);
        }
    }

    private void wholePartition(TableMetadata table, ByteBuffer key, long micros, OffsetPosition at,
                                Throwable cause) {
        metrics.onUnrecoverableError();
        LOG.error("The mutation at {} of {} is not understood; its whole partition is hinted.",
                at, table, cause);
        write(table, key, List.of(Hint.partition(Hint.Op.UPDATE, Hints.hasClustering(table))), micros, at);
    }

    boolean wants(TableMetadata table, OffsetPosition at) {
        return table.params.cdc && !table.isView() && !table.isIndex()
                && !context.getOffsetWriter().isOffsetProcessed(
                        new KeyspaceTable(table.keyspace, table.name).name(), at.serialize(), false);
    }

    /** Only the last record moves the table's offset: a crash before its ack repeats them all. */
    private void write(TableMetadata table, ByteBuffer key, List<Hint> hints, long micros,
                       OffsetPosition at) {
        List<byte[]> parts = Hints.partitionKey(table, key);
        SourceInfo source = new SourceInfo(context.getCassandraConnectorConfig(),
                DatabaseDescriptor.getClusterName(), at,
                new KeyspaceTable(table.keyspace, table.name), false,
                Conversions.toInstantFromMicros(micros));
        for (int i = 0; i < hints.size(); i++)
            enqueue(new HintRecord(source, hints.get(i), parts, 0, micros, node, i == hints.size() - 1));
    }

    private void enqueue(HintRecord record) {
        try {
            queue.enqueue(record);
        }
        catch (InterruptedException stopping) {
            throw new ReadingStopped(stopping);
        }
    }

    @Override
    public boolean shouldSkipSegmentOnError(CommitLogReadException error) {
        LOG.warn("While reading the commit log: {}", error.getMessage());
        return false;
    }

    @Override
    public void handleUnrecoverableError(CommitLogReadException error) {
        metrics.onUnrecoverableError();
        LOG.error("While reading the commit log", error);
    }

    private static String nodeAddress() {
        Config config = DatabaseDescriptor.getRawConfig();
        if (config.broadcast_rpc_address != null)
            return config.broadcast_rpc_address;
        return config.rpc_address != null ? config.rpc_address : config.listen_address;
    }

    /** The process is ending; what was not written is read again after the next start. */
    static final class ReadingStopped extends CassandraConnectorTaskException {
        ReadingStopped(InterruptedException cause) {
            super("Reading of the commit log was interrupted", cause);
        }
    }
}
