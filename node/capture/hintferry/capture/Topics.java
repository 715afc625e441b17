package hintferry.capture;

/**
 * The names of the topics, each table's another one also where `.` and `_` are one letter, as in the
 * names of Kafka's metrics: keyspaces and tables have letters, digits and `_`, never a `-`.
 *
 * Twin of `hintferry/adapters/records/topics.py`.
 */
record Topics(String prefix) {
    String of(String keyspace, String table) {
        return prefix + "." + keyspace + (keyspace.indexOf('_') < 0 ? "." : "-") + table;
    }

    /** Until keyspaces with `_` had topics of their own form; Debezium's own name. */
    String former(String keyspace, String table) {
        return prefix + "." + keyspace + "." + table;
    }
}
