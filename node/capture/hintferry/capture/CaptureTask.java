package hintferry.capture;

import hintferry.capture.Watermarks.Reading;
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
    /** The consumer group of a table's topic, with `{keyspace}` and `{table}` in place of names. */
    private static final String GROUP = "hintferry.consumer.group";
    /** Where cdcguard sets segments aside. */
    private static final String ASIDE = "hintferry.aside.dir";
    /** A table of which no marker was read for so long gets one from this node. */
    private static final String QUIET = "hintferry.heartbeat.ms";
    private static final long QUIET_MS = 300_000;

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
        UsedPartitions used = new UsedPartitions();
        Reading reading = new Reading(new Topics(config.getLogicalName()), groupPattern(config), used);
        return new CassandraConnectorTaskTemplate(config, Release.types(), CaptureTask::readYaml,
                CaptureTask::noListener,
                context -> new AbstractProcessor[]{ reader(context, reading, acknowledged) },
                new ComponentFactoryStandalone() {
                    @Override
                    public Emitter recordEmitter(CassandraConnectorContext context) {
                        return new HintEmitter(context, reading.topics(), used, acknowledged);
                    }
                });
    }

    private static AbstractProcessor reader(CassandraConnectorContext context, Reading reading,
                                            Acknowledged acknowledged) {
        refuseWritesThatWait();
        CassandraConnectorConfig config = context.getCassandraConnectorConfig();
        OwnNode node = new OwnNode(context.getCassandraClient(), DatabaseDescriptor.getRawConfig());
        SchemaKeeper schema = new SchemaKeeper(node, reading.topics(),
                new GuardLosses(config.offsetBackingStoreDir()), context.getErroneousCommitLogs());
        Watermarks watermarks = watermarks(context, node, schema, reading, acknowledged);
        keep(context, node, schema, watermarks, acknowledged);
        Heartbeat heartbeat = new Heartbeat(context.getCassandraClient(), schema, watermarks,
                config.getConfig().getLong(QUIET, QUIET_MS));
        heartbeat.start();
        CassandraStreamingMetrics metrics =
                new CassandraStreamingMetrics((CdcSourceTaskContext) context);
        HintWriter writer = new HintWriter(context, metrics, schema, acknowledged, node.address());
        Markers markers = new Markers(marker -> {
            heartbeat.heard(marker);
            watermarks.heard(marker);
        });
        return new CommitLogIdxProcessor(context, metrics,
                new SegmentReader(schema, writer, markers, acknowledged),
                new File(DatabaseDescriptor.getCDCLogLocation()));
    }

    private static Watermarks watermarks(CassandraConnectorContext context, OwnNode node,
                                         SchemaKeeper schema, Reading reading, Acknowledged acknowledged) {
        CassandraConnectorConfig config = context.getCassandraConnectorConfig();
        Segments segments = new Segments(new File(DatabaseDescriptor.getCDCLogLocation()),
                new File(needed(config, ASIDE)));
        return new Watermarks(schema, acknowledged, segments, new Brokers(config.getKafkaConfigs()), reading,
                new WatermarkRows(context.getCassandraClient(), node.hostId()));
    }

    /** Goes on from what the last run kept. */
    private static void keep(CassandraConnectorContext context, OwnNode node, SchemaKeeper schema,
                             Watermarks watermarks, Acknowledged acknowledged) {
        Path file = StatePublisher.file(context.getCassandraConnectorConfig().offsetBackingStoreDir());
        CaptureState last = CaptureState.read(file, node.hostId());
        acknowledged.startAt(last.acknowledged());
        StatePublisher publisher = new StatePublisher(schema, acknowledged, watermarks::known,
                context.getCassandraClient(), file);
        watermarks.take(last);
        schema.start(last, publisher::changed);
        publisher.start();
        watermarks.start(publisher::changed);
    }

    private static String groupPattern(CassandraConnectorConfig config) {
        String pattern = needed(config, GROUP);
        if (!pattern.contains(Reading.KEYSPACE) || !pattern.contains(Reading.TABLE))
            throw new CassandraConnectorConfigException(GROUP + " is " + pattern + ", without "
                    + Reading.KEYSPACE + " or " + Reading.TABLE + ": render the node's configuration again.");
        return pattern;
    }

    private static String needed(CassandraConnectorConfig config, String name) {
        String value = config.getConfig().getString(name);
        if (value == null)
            throw new CassandraConnectorConfigException(name + " is missing: render the node's"
                    + " configuration again, and apply it.");
        return value;
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
