package hintferry.capture;

import java.nio.ByteBuffer;
import java.util.UUID;
import org.apache.cassandra.schema.TableId;
import org.apache.cassandra.schema.TableMetadata;

/**
 * A table or view of the node.
 *
 * @param metadata by which its mutations are decoded; null where none are
 * @param why its mutations are not decoded, or not logged; null: they are
 * @param isUsers neither a view nor a table of Cassandra's own
 * @param wanted a table of the user's with cdc = true
 * @param alteredMicros when it, or a type that it uses, was last altered
 */
record KnownTable(String keyspace, String name, UUID uuid, TableMetadata metadata, boolean isUsers,
                  boolean wanted, long alteredMicros, String why) {
    /** A view, or a table of Cassandra's own: no mutation of it is ever looked into. */
    static KnownTable ignored(String keyspace, String name, UUID uuid) {
        return new KnownTable(keyspace, name, uuid, null, false, false, 0, null);
    }

    /** A table of the user's whose mutations cannot be hinted, and why. */
    static KnownTable notCaptured(SchemaRows.OfTable row, String why) {
        return new KnownTable(row.keyspace(), row.name(), row.id(), null, true, row.cdc(), row.altered(), why);
    }

    TableId id() {
        return TableId.fromUUID(uuid);
    }

    /** As Hintferry writes it, without quotes; no name holds a point. */
    String path() {
        return keyspace + "." + name;
    }

    boolean captured() {
        return wanted && metadata != null;
    }

    /** Captured, and not Hintferry's own table, whose mutations are read as markers. */
    boolean hinted() {
        return captured() && !Markers.are(keyspace, name);
    }

    /** Captured, and its node logs what is written now. */
    boolean isLogged() {
        return captured() && why == null;
    }

    /** Whether these can be the bytes of one of its partition keys. */
    boolean accepts(ByteBuffer key) {
        try {
            metadata.partitionKeyType.validate(key);
            return true;
        }
        catch (RuntimeException no) {
            return false;
        }
    }
}
