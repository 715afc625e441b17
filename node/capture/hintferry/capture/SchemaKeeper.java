package hintferry.capture;

import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.Row;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.cassandra.exceptions.ConfigurationException;
import org.apache.cassandra.schema.Keyspaces;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the schema by which the commit log is read equal to that of the node whose log it is, and
 * knows since when each table is captured without a hole.
 */
final class SchemaKeeper {
    private static final Logger LOG = LoggerFactory.getLogger(SchemaKeeper.class);
    private static final long LOOK_EVERY_MS = 250;
    /** A table that was altered while nobody looked may have been without cdc in between. */
    private static final long UNWATCHED_MS = 5_000;
    private static final long SAY_EVERY_MS = 10_000;

    private final OwnNode node;
    private final Topics topics;
    private final GuardLosses losses;
    /** The segments that Debezium could not read, by itself, and moves to error/. */
    private final Set<String> givenUp;
    private final Set<TableId> gone = ConcurrentHashMap.newKeySet();
    private final Map<TableId, Long> since = new HashMap<>();
    private final Map<TableId, Long> newest = new ConcurrentHashMap<>();
    private final ScheduledExecutorService looks = Executors.newSingleThreadScheduledExecutor(
            work -> CaptureTask.daemon("hintferry-schema", work));
    private volatile NodeSchema known = NodeSchema.NONE;
    /** When the node last said that `known` holds. */
    private volatile long lookedAt;
    /** The same by the clock to wait by. */
    private long watchedAt;
    private Runnable whenChanged = () -> { };
    /** The guard's last loss that `since` has been moved for, and how many segments given up. */
    private long heeded;
    private int heededSegments;
    private long saidAt;

    SchemaKeeper(OwnNode node, Topics topics, GuardLosses losses, Set<String> givenUp) {
        this.node = node;
        this.topics = topics;
        this.losses = losses;
        this.givenUp = givenUp;
    }

    /**
     * Takes the schema over and goes on looking. A table keeps its `since` of the last run unless it
     * was altered meanwhile, or its hints went to another topic, which may be read no more.
     */
    void start(CaptureState last, Runnable onChange) {
        awaitLook();
        synchronized (this) {
            for (KnownTable table : known.tables().values()) {
                last.since(table, topics).ifPresent(kept -> since.replace(table.id(), kept));
                last.newest(table).ifPresent(micros -> newest.put(table.id(), micros));
            }
            whenChanged = onChange;
            heeded = last.losses();
        }
        heedLosses();
        looks.scheduleWithFixedDelay(this::lookNow, LOOK_EVERY_MS, LOOK_EVERY_MS,
                TimeUnit.MILLISECONDS);
    }

    /** A table that is not known is looked for at once: the node knew it before it took a write. */
    KnownTable table(TableId id) {
        KnownTable found = known.tables().get(id);
        if (found != null || gone.contains(id))
            return found;
        lookAgain();
        found = known.tables().get(id);
        if (found == null)
            gone.add(id);
        return found;
    }

    boolean captures(TableId id) {
        KnownTable table = table(id);
        return table != null && table.captured();
    }

    /** The captured tables but that of the markers. */
    Map<TableId, KnownTable> hinted() {
        return known.tables().entrySet().stream()
                .filter(one -> one.getValue().hinted())
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    /** Since when the table is captured without a hole, a token for equality only; null: it is not. */
    synchronized Long since(TableId id) {
        return since.get(id);
    }

    /** The captured tables of a keyspace, or of all (null), of which this may be a partition key. */
    List<KnownTable> captured(String keyspace, ByteBuffer key) {
        return known.tables().values().stream().filter(KnownTable::captured)
                .filter(table -> keyspace == null || table.keyspace().equals(keyspace))
                .filter(table -> table.accepts(key)).toList();
    }

    /** What the node wrote before this call was written by a schema that is known after it. */
    void lookBeforeReading() {
        heedLosses();
        try {
            lookIfAltered();
        }
        catch (DriverException cause) {
            unanswered(cause);
        }
    }

    /** Waits until the node has answered; is the schema another than before? */
    boolean lookAgain() {
        NodeSchema before = known;
        awaitLook();
        return known != before;
    }

    /** A write of the table was hinted; a time ahead of this clock is no later than now. */
    void hinted(KnownTable table, long writtenMicros) {
        newest.merge(table.id(), Math.min(writtenMicros, System.currentTimeMillis() * 1000), Math::max);
    }

    /** Hints of these tables were lost: what was captured before counts no more. */
    void lost(Collection<TableId> tables) {
        synchronized (this) {
            for (TableId table : tables)
                since.computeIfPresent(table, (unused, then) -> after(then));
        }
        whenChanged.run();
    }

    void lostAll() {
        lost(Set.copyOf(known.tables().keySet()));
    }

    /** A loss of cdcguard's since the last call, or a segment given up, is one of every table. */
    void heedLosses() {
        long last = losses.last();
        int segments = givenUp.size();
        synchronized (this) {
            if (last == heeded && segments == heededSegments)
                return;
            LOG.warn("cdcguard has found a loss on this node, or Debezium gave a segment up; every captured"
                    + " table counts as captured from now on only.");
            heeded = last;
            heededSegments = segments;
            since.replaceAll((unused, then) -> after(then));
        }
        whenChanged.run();
    }

    synchronized CaptureState state(Acknowledged.Position acknowledged, Map<TableId, Watermark> watermarks) {
        return CaptureState.of(node, topics, lookedAt, known, since, newest, acknowledged, heeded, watermarks);
    }

    private void awaitLook() {
        while (true) {
            try {
                lookIfAltered();
                return;
            }
            catch (DriverException cause) {
                unanswered(cause);
                CaptureTask.pause(LOOK_EVERY_MS);
            }
        }
    }

    private void lookNow() {
        try {
            heedLosses();
            lookIfAltered();
        }
        catch (DriverException cause) {
            unanswered(cause);
        }
        catch (RuntimeException | Error cause) {
            CaptureTask.end("The schema of the node could not be taken over", cause);
        }
    }

    /** The node tells its new version after it altered its schema tables and before it takes writes. */
    private synchronized void lookIfAltered() {
        long began = System.currentTimeMillis();
        long now = Waits.nowMillis();
        boolean watched = now - watchedAt < UNWATCHED_MS;
        UUID version = nodesVersion();
        if (!version.equals(known.version()) || !Objects.equals(node.notLogged(), known.notLogged()))
            take(look(), watched);
        lookedAt = began;
        watchedAt = now;
    }

    /** Read until two answers are equal: the node alters its schema tables one after the other. */
    private NodeSchema look() {
        while (true) {
            UUID version = nodesVersion();
            SchemaRows rows = SchemaRows.read(node);
            if (rows.equals(SchemaRows.read(node)) && version.equals(nodesVersion()))
                return NodeSchema.of(version, rows);
        }
    }

    private void take(NodeSchema next, boolean watched) {
        NodeSchema before = known;
        Map<TableId, Long> kept = Map.copyOf(since);
        since.clear();
        for (KnownTable table : next.tables().values())
            if (table.isLogged())
                since.put(table.id(), since(table, before.tables().get(table.id()),
                        kept.get(table.id()), watched));
        // Before what decodes by it: a hint must not name an older ALTER than it was decoded by.
        known = next;
        gone.clear();
        apply(next.keyspaces());
        tell(before, next);
        whenChanged.run();
    }

    private static long since(KnownTable table, KnownTable before, Long kept, boolean watched) {
        if (kept == null)
            return System.currentTimeMillis();
        return watched || before.alteredMicros() == table.alteredMicros() ? kept : after(kept);
    }

    private static long after(long then) {
        return Math.max(then + 1, System.currentTimeMillis());
    }

    private static void apply(Keyspaces next) {
        try {
            Schema.instance.updateHandler.apply(all -> next, true);
        }
        catch (ConfigurationException unlike) {
            // Cassandra takes no table for another of its id that is not like it.
            Schema.instance.updateHandler.apply(all -> Keyspaces.none(), true);
            Schema.instance.updateHandler.apply(all -> next, true);
        }
    }

    private static void tell(NodeSchema before, NodeSchema next) {
        for (KnownTable table : next.tables().values()) {
            KnownTable old = before.tables().get(table.id());
            if (table.wanted() && (old == null || old.isLogged() != table.isLogged() || !old.wanted())) {
                if (table.isLogged())
                    LOG.info("Table {}.{} is captured.", table.keyspace(), table.name());
                else
                    LOG.error("Table {}.{} is not captured: {}", table.keyspace(), table.name(), table.why());
            }
        }
        for (KnownTable old : before.tables().values()) {
            KnownTable now = next.tables().get(old.id());
            if (old.wanted() && (now == null || !now.wanted()))
                LOG.warn("Table {}.{} is captured no more: it {}.", old.keyspace(), old.name(),
                        now == null ? "was dropped" : "has cdc = false");
        }
    }

    private UUID nodesVersion() {
        Row local = node.rows("SELECT host_id, schema_version FROM system.local").get(0);
        if (!node.hostId().equals(local.getUuid(0)))
            CaptureTask.end("Another node answers at " + node.address(), null);
        return local.getUuid(1);
    }

    private synchronized void unanswered(DriverException cause) {
        long now = Waits.nowMillis();
        if (now - saidAt < SAY_EVERY_MS)
            return;
        saidAt = now;
        LOG.warn("The node {} does not tell its schema; writes of unknown tables wait for it: {}",
                node.address(), cause.toString());
    }
}
