package hintferry.capture;

import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.ResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import io.debezium.connector.cassandra.CassandraClient;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Draws a number for each table of which this node has read none for a while. Each node waits a
 * random time longer, so as a rule one draws for all.
 */
final class Heartbeat {
    private static final Logger LOG = LoggerFactory.getLogger(Heartbeat.class);
    private static final long SAY_EVERY_MS = 60_000;
    private static final int MOST_TRIES = 3;
    /** Of the quiet time, at most, to tell the nodes apart. */
    private static final double LONGER = 0.2;
    private static final String DRAW = "UPDATE hintferry.markers SET number = ?, written = ?, drawn_at = ?"
            + " WHERE name = ? IF number = ?";

    private final CassandraClient cluster;
    private final SchemaKeeper schema;
    private final Watermarks watermarks;
    private final long quietMillis;
    private final Map<String, Long> newest = new ConcurrentHashMap<>();
    private final Map<String, Long> dueAt = new ConcurrentHashMap<>();
    private final ScheduledExecutorService beats = Executors.newSingleThreadScheduledExecutor(
            work -> CaptureTask.daemon("hintferry-heartbeat", work));
    private long saidAt;

    Heartbeat(CassandraClient cluster, SchemaKeeper schema, Watermarks watermarks, long quietMillis) {
        this.cluster = cluster;
        this.schema = schema;
        this.watermarks = watermarks;
        this.quietMillis = quietMillis;
    }

    void start() {
        long every = Math.min(1_000, quietMillis);
        beats.scheduleWithFixedDelay(this::beat, every, every, TimeUnit.MILLISECONDS);
    }

    void heard(Marker marker) {
        Long before = newest.get(marker.table());
        if (before != null && marker.number() <= before)
            return;
        newest.put(marker.table(), marker.number());
        putOff(marker.table());
    }

    private void putOff(String table) {
        long longer = ThreadLocalRandom.current().nextLong(1 + (long) (quietMillis * LONGER));
        dueAt.put(table, Waits.nowMillis() + quietMillis + longer);
    }

    private void beat() {
        try {
            for (KnownTable table : schema.hinted().values()) {
                Long due = dueAt.get(table.path());
                if (due == null || due <= Waits.nowMillis())
                    putOff(table.path());
                if (due != null && due <= Waits.nowMillis())
                    draw(table);
            }
        }
        catch (DriverException cause) {
            undrawn(cause);
        }
        catch (RuntimeException | Error cause) {
            LOG.error("No markers are drawn until this works", cause);
        }
    }

    /**
     * On a timeout the number may be taken or not: the next one is drawn from what stands there. Where
     * the table of the markers was emptied, that is lower than what is settled, and would settle nothing.
     */
    private void draw(KnownTable table) {
        Long before = newest.get(table.path());
        for (int i = 0; i < MOST_TRIES; i++) {
            long next = Math.max(before == null ? 0 : before, watermarks.number(table)) + 1;
            ResultSet answer = cluster.execute(SimpleStatement.newInstance(DRAW, next, UUID.randomUUID(),
                            Instant.now(), table.path(), before)
                    .setSerialConsistencyLevel(DefaultConsistencyLevel.LOCAL_SERIAL)
                    .setConsistencyLevel(DefaultConsistencyLevel.LOCAL_QUORUM));
            if (answer.wasApplied())
                return;
            Row found = answer.one();
            // Without a row, as in a table that was emptied, there is no such column in the answer.
            before = !found.getColumnDefinitions().contains("number") || found.isNull("number")
                    ? null : Long.valueOf(found.getLong("number"));
        }
    }

    private void undrawn(DriverException cause) {
        long now = Waits.nowMillis();
        if (now - saidAt < SAY_EVERY_MS)
            return;
        saidAt = now;
        LOG.warn("No marker could be drawn in hintferry.markers, so its watermark stands still. Give the"
                + " table its columns number and drawn_at, and let this role read and write it: {}",
                cause.toString());
    }
}
