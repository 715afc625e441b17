package hintferry.capture;

import hintferry.capture.Brokers.Answer;
import hintferry.capture.Brokers.Part;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The markers of one table that are not settled: the oldest, which newer ones must not put off, and
 * the newest, which settles all. One thread's own.
 */
final class Pending {
    private static final long YOUNG_MS = 30_000;

    /** A marker on its way; `ends` of its topic's partitions once its log is done, else null. */
    static final class Waiting {
        final Marker marker;
        final long heardAt;
        private String topicId;
        private Map<Integer, Long> ends;
        /** What it waits for; null: for nothing that is known. */
        String why;

        private Waiting(Marker marker, long heardAt) {
            this.marker = marker;
            this.heardAt = heardAt;
        }

        boolean hasEnds() {
            return ends != null;
        }

        /** Takes the ends that its hints are before, once, and again of a topic that was made again. */
        void takeEnds(Answer answer) {
            if (ends != null && answer.topicId().equals(topicId))
                return;
            topicId = answer.topicId();
            ends = new TreeMap<>();
            answer.parts().forEach((number, part) -> ends.put(number, part.end()));
        }

        /** The partition that is not read to its end, or null. */
        Integer behind(Answer answer, Watermark mark) {
            for (Map.Entry<Integer, Long> end : ends.entrySet()) {
                Part part = answer.parts().get(end.getKey());
                if (part == null || part.isBeyondEnd()
                        || Math.max(part.readTo(), mark.deletedBelow(end.getKey())) < end.getValue())
                    return end.getKey();
            }
            return null;
        }

        long end(int partition) {
            return ends.get(partition);
        }
    }

    private Waiting oldest;
    private Waiting newest;

    void add(Marker marker, long now) {
        if (oldest == null)
            oldest = new Waiting(marker, now);
        else if (marker.number() > oldest.marker.number()
                && (newest == null || marker.number() > newest.marker.number()))
            newest = new Waiting(marker, now);
    }

    /** The lower number first. */
    Stream<Waiting> all() {
        return Stream.of(oldest, newest).filter(one -> one != null);
    }

    /** Is one of them new enough that somebody may wait for it? */
    boolean isYoung(long now) {
        return all().anyMatch(waiting -> now - waiting.heardAt < YOUNG_MS);
    }

    boolean isEmpty() {
        return oldest == null;
    }

    Waiting oldest() {
        return oldest;
    }

    void settled(long number) {
        if (newest != null && newest.marker.number() <= number)
            newest = null;
        if (oldest != null && oldest.marker.number() <= number) {
            oldest = newest;
            newest = null;
        }
    }
}
