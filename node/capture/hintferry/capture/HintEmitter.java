package hintferry.capture;

import io.debezium.connector.cassandra.CassandraConnectorConfig;
import io.debezium.connector.cassandra.CassandraConnectorContext;
import io.debezium.connector.cassandra.KafkaRecordEmitter;
import io.debezium.connector.cassandra.KeyspaceTable;
import io.debezium.connector.cassandra.Record;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Sends hints by Debezium's converters and producer. What was acknowledged is counted in the order
 * of the log, and a hint that cannot be sent ends the process: the next run reads it again.
 */
final class HintEmitter extends KafkaRecordEmitter {
    private final KafkaProducer<byte[], byte[]> producer;
    private final Topics topics;
    private final UsedPartitions used;
    private final Acknowledged acknowledged;

    HintEmitter(CassandraConnectorContext context, Topics topics, UsedPartitions used,
                Acknowledged acknowledged) {
        this(context, context.getCassandraConnectorConfig(), topics, used, acknowledged,
                new KafkaProducer<>(context.getCassandraConnectorConfig().getKafkaConfigs()));
    }

    private HintEmitter(CassandraConnectorContext context, CassandraConnectorConfig config, Topics topics,
                        UsedPartitions used, Acknowledged acknowledged,
                        KafkaProducer<byte[], byte[]> producer) {
        super(config, producer, context.getOffsetWriter(), config.getKeyConverter(),
                config.getValueConverter(), context.getErroneousCommitLogs(),
                config.getCommitLogTransfer());
        this.producer = producer;
        this.topics = topics;
        this.used = used;
        this.acknowledged = acknowledged;
    }

    @Override
    public void emit(Record record) {
        producer.send(toProducerRecord(record), (place, failure) -> {
            if (failure != null)
                CaptureTask.end("A hint could not be sent to "
                        + record.getSource().keyspaceTable.name(), failure);
            used.took(place.topic(), place.partition());
            acknowledged.done(((HintRecord) record).sent());
        });
    }

    /** By a name of ours, whatever the properties say. */
    @Override
    protected ProducerRecord<byte[], byte[]> toProducerRecord(Record record) {
        ProducerRecord<byte[], byte[]> named = super.toProducerRecord(record);
        KeyspaceTable table = record.getSource().keyspaceTable;
        return new ProducerRecord<>(topics.of(table.keyspace, table.table), named.key(), named.value());
    }
}
