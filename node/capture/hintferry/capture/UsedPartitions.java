package hintferry.capture;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The highest partition of each topic that took a hint of this process. A broker whose answer has
 * fewer partitions does not know yet of one that was added.
 */
final class UsedPartitions {
    private final Map<String, Integer> highest = new ConcurrentHashMap<>();

    void took(String topic, int partition) {
        highest.merge(topic, partition, Math::max);
    }

    boolean areAllIn(String topic, int partitions) {
        return highest.getOrDefault(topic, -1) < partitions;
    }
}
