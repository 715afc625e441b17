package hintferry.capture;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.TreeMap;

/**
 * How far a table's hints are known to be read: all from before the marker `number` was drawn.
 *
 * @param number the highest marker that settled; null before the first
 * @param since the table's token when it settled
 * @param drawnMillis the marker's label; before the first, when this process began to wait for one
 * @param settledMillis when it settled
 * @param topicId of the topic; null: not known
 * @param deleted by partition: its records below this offset were deleted before they were read,
 *            and count as a loss already
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Watermark(@JsonProperty("number") Long number, @JsonProperty("since") Long since,
                 @JsonProperty("drawn_ms") long drawnMillis,
                 @JsonProperty("settled_ms") Long settledMillis,
                 @JsonProperty("topic_id") String topicId,
                 @JsonProperty("deleted") Map<Integer, Long> deleted) {
    static Watermark none(long nowMillis) {
        return new Watermark(null, null, nowMillis, null, null, Map.of());
    }

    Watermark settled(Marker marker, long newSince, long nowMillis) {
        long label = marker.drawnMillis() == null ? nowMillis : marker.drawnMillis();
        return new Watermark(marker.number(), newSince, label, nowMillis, topicId, deleted);
    }

    /** Of another topic, of which nothing is known. */
    Watermark of(String newTopicId) {
        return new Watermark(number, since, drawnMillis, settledMillis, newTopicId, Map.of());
    }

    Watermark deletedBelow(int partition, long offset) {
        Map<Integer, Long> more = new TreeMap<>(deleted);
        more.put(partition, offset);
        return new Watermark(number, since, drawnMillis, settledMillis, topicId, more);
    }

    long deletedBelow(int partition) {
        return deleted.getOrDefault(partition, 0L);
    }
}
