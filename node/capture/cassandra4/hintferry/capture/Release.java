package hintferry.capture;

import io.debezium.connector.cassandra.Cassandra4TypeProvider;
import io.debezium.connector.cassandra.CassandraTypeProvider;

/** What the connector for Cassandra 4.1 calls by a name of its own. */
final class Release {
    private Release() {
    }

    static CassandraTypeProvider types() {
        return new Cassandra4TypeProvider();
    }
}
