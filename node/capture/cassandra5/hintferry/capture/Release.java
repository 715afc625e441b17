package hintferry.capture;

import io.debezium.connector.cassandra.Cassandra5TypeProvider;
import io.debezium.connector.cassandra.CassandraTypeProvider;

/** What the connector for Cassandra 5.0 calls by a name of its own. */
final class Release {
    private Release() {
    }

    static CassandraTypeProvider types() {
        return new Cassandra5TypeProvider();
    }
}
