package hintferry.capture;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsResult;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupAuthorizationException;

/** Asks the brokers what each topic holds, and what its consumer group has committed. */
final class Brokers {
    private static final int ANSWER_MS = 5_000;

    /** A partition at one moment; `committed` null: its group has committed nothing. */
    record Part(long begin, long end, Long committed) {
        long readTo() {
            return committed == null ? 0 : committed;
        }

        /** The group still commits what it read of a topic of the same name that was deleted. */
        boolean isBeyondEnd() {
            return readTo() > end;
        }
    }

    /** What the brokers said of a topic; or why they did not, in `failure`. */
    record Answer(String topicId, Map<Integer, Part> parts, String failure) {
        static Answer none(String why) {
            return new Answer(null, Map.of(), why);
        }
    }

    private final Properties settings = new Properties();
    private Admin admin;

    /** `producer`: how the producer of hints reaches the brokers, and logs in. */
    Brokers(Properties producer) {
        producer.forEach((name, value) -> {
            if (AdminClientConfig.configNames().contains(name.toString()))
                settings.put(name, value);
        });
        settings.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, ANSWER_MS);
        settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, ANSWER_MS);
        settings.put(AdminClientConfig.CLIENT_ID_CONFIG, "hintferry-watermarks");
        settings.remove(AdminClientConfig.RETRIES_CONFIG);
    }

    /**
     * By topic, of the group that `groups` names for it. What a group committed is asked before the
     * ends, so it is never beyond an end of the same topic; and the topics before and after both.
     */
    Map<String, Answer> look(Map<String, String> groups) throws InterruptedException {
        Map<String, Answer> answers = new HashMap<>();
        try {
            if (admin == null)
                admin = Admin.create(settings);
            Map<String, TopicDescription> topics = described(groups.keySet(), answers);
            Map<String, Map<TopicPartition, OffsetAndMetadata>> committed = committed(groups, topics, answers);
            Map<TopicPartition, OffsetSpec> begins = new HashMap<>();
            Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
            for (String topic : committed.keySet())
                for (TopicPartition part : parts(topics.get(topic))) {
                    begins.put(part, OffsetSpec.earliest());
                    ends.put(part, OffsetSpec.latest());
                }
            ListOffsetsResult first = admin.listOffsets(begins, new ListOffsetsOptions().timeoutMs(ANSWER_MS));
            ListOffsetsResult last = admin.listOffsets(ends, new ListOffsetsOptions().timeoutMs(ANSWER_MS));
            Map<String, Map<Integer, Part>> found = new HashMap<>();
            for (String topic : committed.keySet())
                ask(topic, answers, () -> found.put(topic,
                        found(parts(topics.get(topic)), first, last, committed.get(topic))));
            Map<String, TopicDescription> again = described(found.keySet(), answers);
            again.forEach((topic, now) -> answers.put(topic, isSame(now, topics.get(topic))
                    ? new Answer(now.topicId().toString(), found.get(topic), null)
                    : Answer.none("the topic " + topic + " was just changed")));
        }
        catch (KafkaException cause) {
            groups.keySet().forEach(topic -> answers.putIfAbsent(topic, Answer.none(told(topic, cause))));
        }
        return answers;
    }

    private Map<String, TopicDescription> described(Collection<String> topics, Map<String, Answer> answers)
            throws InterruptedException {
        Map<String, TopicDescription> found = new HashMap<>();
        Map<String, KafkaFuture<TopicDescription>> asked = admin.describeTopics(topics,
                new DescribeTopicsOptions().timeoutMs(ANSWER_MS)).topicNameValues();
        for (String topic : topics)
            ask(topic, answers, () -> found.put(topic, asked.get(topic).get()));
        return found;
    }

    private Map<String, Map<TopicPartition, OffsetAndMetadata>> committed(
            Map<String, String> groups, Map<String, TopicDescription> topics, Map<String, Answer> answers)
            throws InterruptedException {
        Map<String, ListConsumerGroupOffsetsSpec> specs = new HashMap<>();
        topics.forEach((topic, told) -> specs.put(groups.get(topic),
                new ListConsumerGroupOffsetsSpec().topicPartitions(parts(told))));
        Map<String, Map<TopicPartition, OffsetAndMetadata>> found = new HashMap<>();
        if (specs.isEmpty())
            return found;
        ListConsumerGroupOffsetsResult asked = admin.listConsumerGroupOffsets(specs,
                new ListConsumerGroupOffsetsOptions().timeoutMs(ANSWER_MS));
        for (String topic : topics.keySet())
            ask(topic, answers, () -> found.put(topic,
                    asked.partitionsToOffsetAndMetadata(groups.get(topic)).get()));
        return found;
    }

    private static Map<Integer, Part> found(List<TopicPartition> parts, ListOffsetsResult first,
                                            ListOffsetsResult last,
                                            Map<TopicPartition, OffsetAndMetadata> committed)
            throws ExecutionException, InterruptedException {
        Map<Integer, Part> found = new TreeMap<>();
        for (TopicPartition part : parts) {
            OffsetAndMetadata reached = committed.get(part);
            found.put(part.partition(), new Part(first.partitionResult(part).get().offset(),
                    last.partitionResult(part).get().offset(), reached == null ? null : reached.offset()));
        }
        return found;
    }

    private static boolean isSame(TopicDescription now, TopicDescription before) {
        return now.topicId().equals(before.topicId())
                && now.partitions().size() == before.partitions().size();
    }

    private static List<TopicPartition> parts(TopicDescription topic) {
        return topic.partitions().stream().map(one -> new TopicPartition(topic.name(), one.partition()))
                .collect(Collectors.toCollection(ArrayList::new));
    }

    private interface Question {
        void ask() throws ExecutionException, InterruptedException;
    }

    /** One topic that cannot be answered for costs only its own table. */
    private static void ask(String topic, Map<String, Answer> answers, Question question)
            throws InterruptedException {
        try {
            question.ask();
        }
        catch (ExecutionException failed) {
            answers.put(topic, Answer.none(told(topic, failed.getCause())));
        }
    }

    private static String told(String topic, Throwable cause) {
        String what = "the brokers did not answer for topic " + topic + ": " + cause.getMessage();
        return cause instanceof GroupAuthorizationException group
                ? what + "; give the node's role kafka-cluster:DescribeGroup on group " + group.groupId() : what;
    }
}
