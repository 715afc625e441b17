package hintferry.capture;

import io.debezium.connector.cassandra.AbstractProcessor;
import io.debezium.connector.cassandra.AbstractSchemaChangeListener;
import io.debezium.connector.cassandra.CassandraConnectorConfig;
import io.debezium.connector.cassandra.CassandraConnectorContext;
import io.debezium.connector.cassandra.CassandraConnectorTaskTemplate;
import io.debezium.connector.cassandra.CommitLogIdxProcessor;
import io.debezium.connector.cassandra.ComponentFactoryStandalone;
import io.debezium.connector.cassandra.Emitter;
import io.debezium.connector.cassandra.SchemaHolder;
import io.debezium.connector.cassandra.exceptions.CassandraConnectorConfigException;
import io.debezium.connector.cassandra.metrics.CassandraStreamingMetrics;
import io.debezium.connector.common.CdcSourceTaskContext;
import java.io.File;
import java.nio.file.Path;
import org.apache.cassandra.config.Config;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Debezium's Cassandra connector with our reader of the commit log, our keeper of the schema and our
 * count of what was acknowledged. Producer, health and metrics stay Debezium's; so does the one
 * argument, its properties.
 */
public final class CaptureTask {
    private static final Logger LOG = LoggerFactory.getLogger(CaptureTask.class);
    /** As long as Cassandra's own defaults let a sync of the log take before writes wait for it. */
    private static final long LONGEST_SYNC_MS = 15_000;

    private CaptureTask() {
    }

    public static void main(String[] args) {
        try {
            CassandraConnectorTaskTemplate.main(args, CaptureTask::template);
        }
        catch (Exception cause) {
            end("Capture ends", cause);
        }
    }

    private static CassandraConnectorTaskTemplate template(CassandraConnectorConfig config) {
        Acknowledged acknowledged = new Acknowledged();
        Topics topics = new Topics(config.getLogicalName());
        return new CassandraConnectorTaskTemplate(config, Release.types(), CaptureTask::readYaml,
                CaptureTask::noListener,
                context -> new AbstractProcessor[]{ reader(context, topics, acknowledged) },
                new ComponentFactoryStandalone() {
                    @Override
                    public Emitter recordEmitter(CassandraConnectorContext context) {
                        return new HintEmitter(context, topics, acknowledged);
                    }
                });
    }

    private static AbstractProcessor reader(CassandraConnectorContext context, Topics topics,
                                            Acknowledged acknowledged) {
        refuseWritesThatWait();
        OwnNode node = new OwnNode(context.getCassandraClient(), DatabaseDescriptor.getRawConfig());
        SchemaKeeper schema = keptSchema(context, node, topics, acknowledged);
        CassandraStreamingMetrics metrics =
                new CassandraStreamingMetrics((CdcSourceTaskContext) context);
        HintWriter writer = new HintWriter(context, metrics, schema, acknowledged, node.address());
        return new CommitLogIdxProcessor(context, metrics,
                new SegmentReader(schema, writer, acknowledged),
                new File(DatabaseDescriptor.getCDCLogLocation()));
    }

    private static SchemaKeeper keptSchema(CassandraConnectorContext context, OwnNode node,
                                           Topics topics, Acknowledged acknowledged) {
        Path file = StatePublisher.file(context.getCassandraConnectorConfig().offsetBackingStoreDir());
        CaptureState last = CaptureState.read(file, node.hostId());
        acknowledged.startAt(last.acknowledged());
        SchemaKeeper schema = new SchemaKeeper(node, topics);
        StatePublisher publisher =
                new StatePublisher(schema, acknowledged, context.getCassandraClient(), file);
        schema.start(last, publisher::changed);
        publisher.start();
        return schema;
    }

    /** The schema on this disk is left alone: the running node tells its own. */
    private static void readYaml(String path) {
        System.setProperty("cassandra.config", new File(path).toURI().toString());
        DatabaseDescriptor.toolInitialization();
    }

    /** The driver keeps no schema: it keeps all of it or, at one type it does not know, none. */
    private static AbstractSchemaChangeListener noListener(CassandraConnectorConfig config) {
        return new AbstractSchemaChangeListener(config.getLogicalName(),
                config.getSourceInfoStructMaker(), new SchemaHolder());
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

    /** At once: what was not acknowledged is read again by the next run, which systemd starts. */
    static void end(String why, Throwable cause) {
        LOG.error("{}; the process ends, and reads again from what was acknowledged.", why, cause);
        // The journal has it too, however the logging is set up.
        System.err.println(why + ": " + cause);
        Runtime.getRuntime().halt(1);
    }

    static Thread daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        return thread;
    }

    static void pause(long millis) {
        try {
            Thread.sleep(millis);
        }
        catch (InterruptedException stopping) {
            throw new HintWriter.ReadingStopped(stopping);
        }
    }
}
