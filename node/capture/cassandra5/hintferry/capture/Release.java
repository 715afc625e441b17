package hintferry.capture;

import io.debezium.connector.cassandra.Cassandra5TypeProvider;
import io.debezium.connector.cassandra.CassandraConnectorTask.Cassandra5SchemaLoader;
import io.debezium.connector.cassandra.CassandraTypeProvider;
import io.debezium.connector.cassandra.SchemaLoader;

/** What the connector for Cassandra 5.0 calls by a name of its own. */
final class Release {
    private Release() {
    }

    static CassandraTypeProvider types() {
        return new Cassandra5TypeProvider();
    }

    static SchemaLoader schema() {
        return new Cassandra5SchemaLoader();
    }
}
