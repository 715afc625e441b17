package hintferry.capture;

import hintferry.capture.Brokers.Answer;
import hintferry.capture.Brokers.Part;
import hintferry.capture.Pending.Waiting;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.cassandra.schema.TableId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Settles the markers that the log holds. A marker is settled when all of this holds: the brokers
 * acknowledged every hint before it; no older segment is unread; the table's consumer group has
 * committed the ends that its topic had then; the topic is the same, and nothing was deleted unread.
 */
final class Watermarks {
    private static final Logger LOG = LoggerFactory.getLogger(Watermarks.class);
    private static final long EVERY_MS = 100;
    private static final long SELDOM_MS = 5_000;
    /** A marker on its usual way is not worth a sentence. */
    private static final long SAYS_AFTER_MS = 3_000;

    private final SchemaKeeper schema;
    private final Acknowledged acknowledged;
    private final Segments segments;
    private final Brokers brokers;
    private final Reading reading;
    private final WatermarkRows rows;
    private final Queue<Marker> heard = new ConcurrentLinkedQueue<>();
    private final Map<TableId, Watermark> known = new ConcurrentHashMap<>();
    private final Map<TableId, Pending> pending = new HashMap<>();
    private final ScheduledExecutorService rounds = Executors.newSingleThreadScheduledExecutor(
            work -> CaptureTask.daemon("hintferry-watermarks", work));
    private Runnable whenSettled = () -> { };
    private long seldomAt;

    /** How the hints of a table are read: its topic, by which group, and which partitions it has. */
    record Reading(Topics topics, String groupPattern, UsedPartitions used) {
        static final String KEYSPACE = "{keyspace}";
        static final String TABLE = "{table}";

        String topic(KnownTable table) {
            return topics.of(table.keyspace(), table.name());
        }

        String group(KnownTable table) {
            return groupPattern.replace(KEYSPACE, table.keyspace()).replace(TABLE, table.name());
        }
    }

    Watermarks(SchemaKeeper schema, Acknowledged acknowledged, Segments segments, Brokers brokers,
               Reading reading, WatermarkRows rows) {
        this.schema = schema;
        this.acknowledged = acknowledged;
        this.segments = segments;
        this.brokers = brokers;
        this.reading = reading;
        this.rows = rows;
    }

    /** Goes on from the last run; its rows are written again, for they may not have been. */
    void take(CaptureState last) {
        known.putAll(last.watermarks());
        known.forEach((table, mark) -> {
            if (mark.number() != null)
                rows.isToWrite(table);
        });
    }

    /** `whenSettled` keeps what is known before a row tells it. */
    void start(Runnable whenSettled) {
        this.whenSettled = whenSettled;
        rounds.scheduleWithFixedDelay(this::round, EVERY_MS, EVERY_MS, TimeUnit.MILLISECONDS);
    }

    void heard(Marker marker) {
        heard.add(marker);
    }

    Map<TableId, Watermark> known() {
        return known;
    }

    /** The number that is settled; 0: none is. */
    long number(KnownTable table) {
        Watermark mark = known.get(table.id());
        return mark == null || mark.number() == null ? 0 : mark.number();
    }

    /** Whatever goes wrong here settles nothing, and is tried again. */
    private void round() {
        try {
            long now = Waits.nowMillis();
            // Before the tables: the reader knew the table of a marker before it read the marker.
            List<Marker> came = came();
            Map<TableId, KnownTable> tables = schema.hinted();
            pending.keySet().retainAll(tables.keySet());
            known.keySet().retainAll(tables.keySet());
            tables.keySet().forEach(table -> known.putIfAbsent(table,
                    Watermark.none(System.currentTimeMillis())));
            boolean isSeldom = now - seldomAt >= SELDOM_MS;
            await(came, tables, now);
            ask(tables, isSeldom, now);
            if (isSeldom)
                seldomAt = now;
            tables.values().forEach(table -> rows.write(table, known.get(table.id()), waits(table, now), now));
        }
        catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
        }
        catch (RuntimeException | Error cause) {
            LOG.error("The watermarks stand still until this works", cause);
        }
    }

    private List<Marker> came() {
        List<Marker> came = new ArrayList<>();
        for (Marker marker = heard.poll(); marker != null; marker = heard.poll())
            came.add(marker);
        return came;
    }

    private void await(List<Marker> came, Map<TableId, KnownTable> tables, long now) {
        Map<String, TableId> byPath = new HashMap<>();
        tables.values().forEach(table -> byPath.put(table.path(), table.id()));
        for (Marker marker : came) {
            TableId table = byPath.get(marker.table());
            Long reached = table == null ? null : known.get(table).number();
            if (table != null && (reached == null || marker.number() > reached))
                pending.computeIfAbsent(table, unused -> new Pending()).add(marker, now);
        }
        pending.values().removeIf(Pending::isEmpty);
    }

    /** `isSeldom`: the topics that no marker led to yet are looked at too, to know them again. */
    private void ask(Map<TableId, KnownTable> tables, boolean isSeldom, long now)
            throws InterruptedException {
        List<KnownTable> asked = new ArrayList<>();
        Map<String, String> groups = new HashMap<>();
        for (KnownTable table : tables.values())
            if (waitsForBrokers(table, isSeldom, now) || isSeldom && known.get(table.id()).topicId() == null) {
                asked.add(table);
                groups.put(reading.topic(table), reading.group(table));
            }
        if (asked.isEmpty())
            return;
        Map<String, Answer> answers = brokers.look(groups);
        Set<TableId> settled = new HashSet<>();
        for (KnownTable table : asked)
            if (judge(table, answers.get(reading.topic(table))))
                settled.add(table.id());
        if (!settled.isEmpty())
            whenSettled.run();
        settled.forEach(rows::isToWrite);
    }

    private void lookAtLog(Waiting waiting) {
        if (waiting.hasEnds()) {
            waiting.why = null;
            return;
        }
        Acknowledged.Position end = waiting.marker.end();
        Acknowledged.Position upTo = acknowledged.upTo();
        waiting.why = upTo == null || upTo.compareTo(end) < 0
                ? "the brokers have not acknowledged every hint from before the marker; if this lasts, see"
                        + " the log of hintferry-capture on the node"
                : segments.unreadBefore(end.segment());
    }

    /** Is it the turn of the table's markers, and has the log all that is before one of them? */
    private boolean waitsForBrokers(KnownTable table, boolean isSeldom, long now) {
        Pending own = pending.get(table.id());
        if (own == null || !isSeldom && !own.isYoung(now))
            return false;
        own.all().forEach(this::lookAtLog);
        return own.all().anyMatch(waiting -> waiting.why == null);
    }

    /** Has a marker of the table settled? */
    private boolean judge(KnownTable table, Answer answer) {
        Pending own = pending.getOrDefault(table.id(), new Pending());
        if (answer.failure() != null) {
            own.all().filter(waiting -> waiting.why == null).forEach(waiting -> waiting.why = answer.failure());
            return false;
        }
        goOn(table, answer);
        Watermark mark = known.get(table.id());
        Marker reached = null;
        for (Waiting waiting : own.all().filter(one -> one.why == null).toList()) {
            waiting.why = missing(table, waiting, answer, mark);
            if (waiting.why == null)
                reached = waiting.marker;
        }
        return reached != null && settle(table, own, reached);
    }

    /** Where hints were lost on the broker, the table's token moves before anything of it settles. */
    private void goOn(KnownTable table, Answer answer) {
        Watermark mark = known.get(table.id());
        boolean isOther = mark.topicId() != null && !mark.topicId().equals(answer.topicId());
        if (isOther)
            lost(table, "its topic was made again");
        if (!answer.topicId().equals(mark.topicId()))
            mark = mark.of(answer.topicId());
        for (Map.Entry<Integer, Part> one : answer.parts().entrySet()) {
            Part part = one.getValue();
            if (part.begin() <= Math.max(part.readTo(), mark.deletedBelow(one.getKey())))
                continue;
            if (!isOther)
                lost(table, "records of partition " + one.getKey() + " were deleted up to offset "
                        + part.begin() + ", and read up to " + part.readTo());
            mark = mark.deletedBelow(one.getKey(), part.begin());
        }
        known.put(table.id(), mark);
    }

    private void lost(KnownTable table, String how) {
        LOG.error("Hints of {} may be lost: {}. Verify the table again.", table.path(), how);
        schema.lost(List.of(table.id()));
    }

    private String missing(KnownTable table, Waiting waiting, Answer answer, Watermark mark) {
        String topic = reading.topic(table);
        if (!reading.used().areAllIn(topic, answer.parts().size()))
            return "a broker does not know yet every partition of topic " + topic;
        waiting.takeEnds(answer);
        Integer behind = waiting.behind(answer, mark);
        if (behind == null)
            return null;
        Part part = answer.parts().get(behind);
        String reached = part == null || part.committed() == null ? "nothing" : part.committed().toString();
        return "group " + reading.group(table) + " has committed " + reached + " of "
                + waiting.end(behind) + " in partition " + behind + " of topic " + topic
                + "; if this lasts, see that its event source mapping is enabled";
    }

    private boolean settle(KnownTable table, Pending own, Marker marker) {
        schema.heedLosses();
        Long since = schema.since(table.id());
        if (since == null)
            return false;
        known.computeIfPresent(table.id(),
                (unused, mark) -> mark.settled(marker, since, System.currentTimeMillis()));
        own.settled(marker.number());
        return true;
    }

    private String waits(KnownTable table, long now) {
        Pending own = pending.get(table.id());
        Waiting oldest = own == null ? null : own.oldest();
        return oldest == null || now - oldest.heardAt < SAYS_AFTER_MS ? null : oldest.why;
    }
}
