package hintferry.capture;

import io.debezium.connector.cassandra.AbstractProcessor;
import io.debezium.connector.cassandra.Cassandra5TypeProvider;
import io.debezium.connector.cassandra.CassandraConnectorConfig;
import io.debezium.connector.cassandra.CassandraConnectorContext;
import io.debezium.connector.cassandra.CassandraConnectorTask.Cassandra5SchemaLoader;
import io.debezium.connector.cassandra.CassandraConnectorTaskTemplate;
import io.debezium.connector.cassandra.CommitLogIdxProcessor;
import io.debezium.connector.cassandra.ComponentFactoryStandalone;
import io.debezium.connector.cassandra.metrics.CassandraStreamingMetrics;
import io.debezium.connector.common.CdcSourceTaskContext;
import java.io.File;
import org.apache.cassandra.config.DatabaseDescriptor;

/**
 * Debezium's Cassandra connector with our reader of the commit log and our keeper of the schema.
 * Offsets, producer, health and metrics stay Debezium's; so does the one argument, its properties.
 */
public final class CaptureTask {
    private CaptureTask() {
    }

    public static void main(String[] args) throws Exception {
        CassandraConnectorTaskTemplate.main(args, CaptureTask::template);
    }

    private static CassandraConnectorTaskTemplate template(CassandraConnectorConfig config) {
        SchemaKeeper schema = new SchemaKeeper(config);
        return new CassandraConnectorTaskTemplate(config, new Cassandra5TypeProvider(),
                new Cassandra5SchemaLoader(), unused -> schema,
                context -> new AbstractProcessor[]{ reader(context, schema) },
                new ComponentFactoryStandalone());
    }

    private static AbstractProcessor reader(CassandraConnectorContext context, SchemaKeeper schema) {
        CassandraStreamingMetrics metrics =
                new CassandraStreamingMetrics((CdcSourceTaskContext<?>) context);
        HintWriter writer = new HintWriter(context, metrics);
        return new CommitLogIdxProcessor(context, metrics, new SegmentReader(schema, writer),
                new File(DatabaseDescriptor.getCDCLogLocation()));
    }
}
