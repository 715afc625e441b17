package hintferry.capture;

import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import io.debezium.connector.cassandra.CassandraClient;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.cassandra.schema.TableId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps this node's row of each table in hintferry.watermarks. One thread's own. */
final class WatermarkRows {
    private static final Logger LOG = LoggerFactory.getLogger(WatermarkRows.class);
    private static final long AGAIN_AFTER_MS = 5_000;
    private static final long SAY_EVERY_MS = 60_000;
    private static final String INSERT = "INSERT INTO hintferry.watermarks"
            + " (name, host_id, number, since, drawn_at, settled_at, waits) VALUES (?, ?, ?, ?, ?, ?, ?)"
            + " USING TTL " + TimeUnit.DAYS.toSeconds(30);

    private final CassandraClient cluster;
    private final UUID hostId;
    private final Set<TableId> toWrite = new HashSet<>();
    private final Map<TableId, String> said = new HashMap<>();
    private final Map<TableId, Long> writtenAt = new HashMap<>();
    private long failedAt;
    private long warnedAt;

    WatermarkRows(CassandraClient cluster, UUID hostId) {
        this.cluster = cluster;
        this.hostId = hostId;
    }

    void isToWrite(TableId table) {
        toWrite.add(table);
    }

    /** Writes the row if the table has settled, or, now and then, if it waits for something else. */
    void write(KnownTable table, Watermark mark, String waits, long now) {
        boolean isOther = !Objects.equals(waits, said.get(table.id()))
                && now - writtenAt.getOrDefault(table.id(), 0L) >= AGAIN_AFTER_MS;
        if (!toWrite.contains(table.id()) && !isOther || now - failedAt < AGAIN_AFTER_MS)
            return;
        try {
            cluster.execute(statement(table, mark, waits));
            toWrite.remove(table.id());
            said.put(table.id(), waits);
            writtenAt.put(table.id(), now);
        }
        catch (DriverException cause) {
            failedAt = now;
            warn(cause, now);
        }
    }

    private SimpleStatement statement(KnownTable table, Watermark mark, String waits) {
        boolean isSettled = mark.number() != null;
        return SimpleStatement.newInstance(INSERT, table.path(), hostId, mark.number(), mark.since(),
                isSettled ? Instant.ofEpochMilli(mark.drawnMillis()) : null,
                isSettled ? Instant.ofEpochMilli(mark.settledMillis()) : null, waits)
                .setConsistencyLevel(DefaultConsistencyLevel.LOCAL_QUORUM);
    }

    private void warn(DriverException cause, long now) {
        if (now - warnedAt < SAY_EVERY_MS)
            return;
        warnedAt = now;
        LOG.warn("A watermark could not be written to hintferry.watermarks, so the gate of cutover stays"
                + " shut. Create the table and let this role write it: {}", cause.toString());
    }
}
