package hintferry.capture;

import io.debezium.connector.cassandra.CassandraConnectorConfig;
import io.debezium.connector.cassandra.CassandraConnectorContext;
import io.debezium.connector.cassandra.KafkaRecordEmitter;
import io.debezium.connector.cassandra.Record;
import org.apache.kafka.clients.producer.KafkaProducer;

/**
 * Sends hints by Debezium's converters and producer. What was acknowledged is counted in the order
 * of the log, and a hint that cannot be sent ends the process: the next run reads it again.
 */
final class HintEmitter extends KafkaRecordEmitter {
    private final KafkaProducer<byte[], byte[]> producer;
    private final Acknowledged acknowledged;

    HintEmitter(CassandraConnectorContext context, Acknowledged acknowledged) {
        this(context, context.getCassandraConnectorConfig(), acknowledged,
                new KafkaProducer<>(context.getCassandraConnectorConfig().getKafkaConfigs()));
    }

    private HintEmitter(CassandraConnectorContext context, CassandraConnectorConfig config,
                        Acknowledged acknowledged, KafkaProducer<byte[], byte[]> producer) {
        super(config, producer, context.getOffsetWriter(), config.getKeyConverter(),
                config.getValueConverter(), context.getErroneousCommitLogs(),
                config.getCommitLogTransfer());
        this.producer = producer;
        this.acknowledged = acknowledged;
    }

    @Override
    public void emit(Record record) {
        producer.send(toProducerRecord(record), (place, failure) -> {
            if (failure != null)
                CaptureTask.end("A hint could not be sent to "
                        + record.getSource().keyspaceTable.name(), failure);
            acknowledged.done(((HintRecord) record).sent());
        });
    }
}
