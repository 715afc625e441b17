package hintferry.capture;

import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.metadata.schema.KeyspaceMetadata;
import com.datastax.oss.driver.api.core.metadata.schema.TableMetadata;
import com.datastax.oss.driver.api.core.session.Session;
import com.datastax.oss.driver.api.core.type.UserDefinedType;
import io.debezium.connector.cassandra.AbstractSchemaChangeListener;
import io.debezium.connector.cassandra.CassandraConnectorConfig;
import io.debezium.connector.cassandra.SchemaHolder;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.cassandra.cql3.CQLFragmentParser;
import org.apache.cassandra.cql3.CqlParser;
import org.apache.cassandra.schema.KeyspaceParams;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableId;
import org.apache.cassandra.schema.Tables;
import org.apache.cassandra.schema.Types;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps Cassandra's own schema, by which the commit log is read, equal to the live node's. Types
 * come with their keyspace, so a table may use one that was made while we run.
 */
final class SchemaKeeper extends AbstractSchemaChangeListener {
    private static final Logger LOG = LoggerFactory.getLogger(SchemaKeeper.class);
    /** The driver hears of DDL after a second or two; a busy cluster agrees a little later. */
    private static final long PATIENCE_MS = 10_000;

    private final Set<TableId> dropped = ConcurrentHashMap.newKeySet();
    private final Set<TableId> givenUp = ConcurrentHashMap.newKeySet();
    private volatile Session session;
    private long version;

    SchemaKeeper(CassandraConnectorConfig config) {
        super(config.getLogicalName(), config.getSourceInfoStructMaker(), new SchemaHolder());
    }

    synchronized long version() {
        return version;
    }

    /** Waits for a newer schema than `seen`; not twice for one table while nothing changes. */
    synchronized boolean changesAfter(long seen, TableId table) {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (version == seen && !givenUp.contains(table)) {
            long left = deadline - System.currentTimeMillis();
            if (left <= 0)
                givenUp.add(table);
            else
                pause(left);
        }
        return version != seen;
    }

    org.apache.cassandra.schema.TableMetadata table(TableId id) {
        return Schema.instance.getTableMetadata(id);
    }

    boolean wasDropped(TableId id) {
        return dropped.contains(id);
    }

    /** The other tables of the keyspace whose partition key has the same shape. */
    List<org.apache.cassandra.schema.TableMetadata> siblings(
            org.apache.cassandra.schema.TableMetadata table) {
        return Schema.instance.getKeyspaceMetadata(table.keyspace).tables.stream()
                .filter(other -> !other.id.equals(table.id)
                        && other.partitionKeyType.equals(table.partitionKeyType)).toList();
    }

    @Override
    public void onSessionReady(Session ready) {
        session = ready;
        for (KeyspaceMetadata keyspace : ready.getMetadata().getKeyspaces().values()) {
            if (keyspace.isVirtual() || keyspace.getName().asInternal().startsWith("system"))
                continue;
            onKeyspaceCreated(keyspace);
        }
    }

    /** The driver tells of a keyspace and the tables it finds in it by this one call. */
    @Override
    public void onKeyspaceCreated(KeyspaceMetadata keyspace) {
        takeOver(keyspace);
        keyspace.getTables().values().forEach(table -> takeOver(table, keyspace));
    }

    @Override
    public void onKeyspaceUpdated(KeyspaceMetadata current, KeyspaceMetadata previous) {
        takeOver(current);
    }

    private void takeOver(KeyspaceMetadata keyspace) {
        String name = keyspace.getName().asInternal();
        attempt("keyspace " + name, () -> Schema.instance.updateHandler.apply(all -> {
            var known = all.getNullable(name);
            var params = KeyspaceParams.create(keyspace.isDurableWrites(), keyspace.getReplication());
            return all.withAddedOrUpdated((known == null
                    ? org.apache.cassandra.schema.KeyspaceMetadata.create(name, params)
                    : known.withSwapped(params)).withSwapped(types(keyspace)));
        }, true));
    }

    @Override
    public void onKeyspaceDropped(KeyspaceMetadata keyspace) {
        keyspace.getTables().values().forEach(this::onTableDropped);
        String name = keyspace.getName().asInternal();
        attempt("keyspace " + name,
                () -> Schema.instance.updateHandler.apply(all -> all.without(name), true));
    }

    @Override
    public void onUserDefinedTypeCreated(UserDefinedType type) {
        takeOver(live(type.getKeyspace()));
    }

    @Override
    public void onUserDefinedTypeUpdated(UserDefinedType current, UserDefinedType previous) {
        // A table holds its types by value, so the tables are taken over again too.
        onKeyspaceCreated(live(current.getKeyspace()));
    }

    @Override
    public void onTableCreated(TableMetadata table) {
        takeOver(table, live(table.getKeyspace()));
    }

    private void takeOver(TableMetadata table, KeyspaceMetadata keyspace) {
        String name = table.getKeyspace() + "." + table.getName();
        attempt("table " + name, () -> {
            Types types = types(keyspace);
            var metadata = CQLFragmentParser
                    .parseAny(CqlParser::createTableStatement, table.describe(true), "CREATE TABLE")
                    .keyspace(keyspace.getName().asInternal()).prepare(null).builder(types)
                    .id(TableId.fromUUID(table.getId().orElseThrow())).build();
            Schema.instance.updateHandler.apply(all -> {
                var known = all.getNullable(metadata.keyspace);
                Tables others = without(known.tables, metadata.name);
                return all.withAddedOrUpdated(known.withSwapped(types).withSwapped(others.with(metadata)));
            }, true);
            LOG.info("Table {} is known (cdc={}).", name, metadata.params.cdc);
        });
    }

    @Override
    public void onTableUpdated(TableMetadata current, TableMetadata previous) {
        onTableCreated(current);
    }

    @Override
    public void onTableDropped(TableMetadata table) {
        table.getId().map(TableId::fromUUID).ifPresent(dropped::add);
        String keyspace = table.getKeyspace().asInternal();
        attempt("table " + keyspace + "." + table.getName(), () -> Schema.instance.updateHandler.apply(all -> {
            var known = all.getNullable(keyspace);
            return known == null ? all : all.withAddedOrUpdated(
                    known.withSwapped(without(known.tables, table.getName().asInternal())));
        }, true));
    }

    private KeyspaceMetadata live(CqlIdentifier keyspace) {
        return session.getMetadata().getKeyspace(keyspace).orElseThrow();
    }

    private static Types types(KeyspaceMetadata keyspace) {
        Types.RawBuilder builder = Types.rawBuilder(keyspace.getName().asInternal());
        keyspace.getUserDefinedTypes().values().forEach(type -> CQLFragmentParser
                .parseAny(CqlParser::createTypeStatement, type.describe(false), "CREATE TYPE")
                .addToRawBuilder(builder));
        return builder.build();
    }

    private static Tables without(Tables tables, String name) {
        return tables.getNullable(name) == null ? tables : tables.without(name);
    }

    /** A table that cannot be taken over must not cost the others their hints. */
    private void attempt(String what, Runnable change) {
        try {
            change.run();
        }
        catch (RuntimeException | AssertionError cause) {
            LOG.error("The schema of {} could not be taken over; its writes are not captured.", what, cause);
        }
        synchronized (this) {
            version++;
            givenUp.clear();
            notifyAll();
        }
    }

    private void pause(long millis) {
        try {
            wait(millis);
        }
        catch (InterruptedException stopping) {
            throw new HintWriter.ReadingStopped(stopping);
        }
    }
}
