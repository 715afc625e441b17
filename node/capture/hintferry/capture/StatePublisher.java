package hintferry.capture;

import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import io.debezium.connector.cassandra.CassandraClient;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.cassandra.schema.TableId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells the state of this connector again and again: to its own file, and to a table of the source. */
final class StatePublisher {
    private static final Logger LOG = LoggerFactory.getLogger(StatePublisher.class);
    private static final String FILE = "capture_state.json";
    private static final long EVERY_MS = 5_000;
    private static final long SAY_EVERY_MS = 60_000;
    private static final String INSERT = "INSERT INTO hintferry.captures (host_id, state) VALUES (?, ?)"
            + " USING TTL " + TimeUnit.DAYS.toSeconds(30);

    private final SchemaKeeper schema;
    private final Acknowledged acknowledged;
    private final Supplier<Map<TableId, Watermark>> watermarks;
    private final CassandraClient cluster;
    private final Path file;
    private final ScheduledExecutorService tellers = Executors.newSingleThreadScheduledExecutor(
            work -> CaptureTask.daemon("hintferry-state", work));
    private long saidAt;

    StatePublisher(SchemaKeeper schema, Acknowledged acknowledged,
                   Supplier<Map<TableId, Watermark>> watermarks, CassandraClient cluster, Path file) {
        this.schema = schema;
        this.acknowledged = acknowledged;
        this.watermarks = watermarks;
        this.cluster = cluster;
        this.file = file;
    }

    static Path file(String directory) {
        return Path.of(directory, FILE);
    }

    void start() {
        save();
        tellers.scheduleWithFixedDelay(this::publish, 0, EVERY_MS, TimeUnit.MILLISECONDS);
    }

    /** What changed is kept before the reading goes on, and told to others soon. */
    void changed() {
        save();
        tellers.execute(this::publish);
    }

    private void publish() {
        CaptureState state = save();
        try {
            cluster.execute(SimpleStatement.newInstance(INSERT, state.hostId(), state.json())
                    .setConsistencyLevel(DefaultConsistencyLevel.LOCAL_QUORUM));
        }
        catch (DriverException cause) {
            untold(cause);
        }
    }

    /** One at a time, so that an older state never replaces a newer one. */
    private CaptureState save() {
        synchronized (schema) {
            CaptureState state = schema.state(acknowledged.upTo(), watermarks.get());
            try {
                state.write(file);
            }
            catch (IOException | RuntimeException cause) {
                CaptureTask.end("The state could not be written to " + file, cause);
            }
            return state;
        }
    }

    private void untold(DriverException cause) {
        long now = Waits.nowMillis();
        if (now - saidAt < SAY_EVERY_MS)
            return;
        saidAt = now;
        LOG.warn("The state of capture could not be written to hintferry.captures, so the gate of cut-over"
                + " stays shut. Create the table and let this role write it: {}", cause.toString());
    }
}
