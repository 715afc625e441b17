package hintferry.capture;

import io.debezium.connector.cassandra.AbstractProcessor;
import io.debezium.connector.cassandra.CassandraConnectorConfig;
import io.debezium.connector.cassandra.CassandraConnectorContext;
import io.debezium.connector.cassandra.CassandraConnectorTaskTemplate;
import io.debezium.connector.cassandra.CommitLogIdxProcessor;
import io.debezium.connector.cassandra.ComponentFactoryStandalone;
import io.debezium.connector.cassandra.metrics.CassandraStreamingMetrics;
import io.debezium.connector.common.CdcSourceTaskContext;
import io.debezium.connector.cassandra.exceptions.CassandraConnectorConfigException;
import java.io.File;
import org.apache.cassandra.config.Config;
import org.apache.cassandra.config.DatabaseDescriptor;

/**
 * Debezium's Cassandra connector with our reader of the commit log and our keeper of the schema.
 * Offsets, producer, health and metrics stay Debezium's; so does the one argument, its properties.
 */
public final class CaptureTask {
    /** As long as Cassandra's own defaults let a sync of the log take before writes wait for it. */
    private static final long LONGEST_SYNC_MS = 15_000;

    private CaptureTask() {
    }

    public static void main(String[] args) throws Exception {
        CassandraConnectorTaskTemplate.main(args, CaptureTask::template);
    }

    private static CassandraConnectorTaskTemplate template(CassandraConnectorConfig config) {
        SchemaKeeper schema = new SchemaKeeper(config);
        return new CassandraConnectorTaskTemplate(config, Release.types(), Release.schema(), unused -> schema,
                context -> new AbstractProcessor[]{ reader(context, schema) },
                new ComponentFactoryStandalone());
    }

    private static AbstractProcessor reader(CassandraConnectorContext context, SchemaKeeper schema) {
        refuseWritesThatWait();
        CassandraStreamingMetrics metrics =
                new CassandraStreamingMetrics((CdcSourceTaskContext) context);
        HintWriter writer = new HintWriter(context, metrics);
        return new CommitLogIdxProcessor(context, metrics, new SegmentReader(schema, writer),
                new File(DatabaseDescriptor.getCDCLogLocation()));
    }

    /**
     * Cassandra logs a write before it can be read. One that waits for the sync in between stands
     * in the log, and so is hinted, while a read does not see it yet.
     */
    private static void refuseWritesThatWait() {
        if (DatabaseDescriptor.getCommitLogSync() != Config.CommitLogSync.periodic)
            throw new CassandraConnectorConfigException("Writes wait for every sync of the commit log,"
                    + " so hints would come before the writes can be read. Set commitlog_sync: periodic in"
                    + " cassandra.yaml and restart the node.");
        long waitsAfter = DatabaseDescriptor.getPeriodicCommitLogSyncBlock();
        if (waitsAfter < LONGEST_SYNC_MS)
            throw new CassandraConnectorConfigException("Writes wait once a sync of the commit log takes "
                    + waitsAfter + " ms, so hints would come before the writes can be read. Set"
                    + " periodic_commitlog_sync_lag_block: 15s in cassandra.yaml and restart the node.");
    }
}
