package hintferry.capture;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import hintferry.capture.Acknowledged.Position;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.cassandra.schema.TableId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this connector captures, as it tells others and itself after a restart.
 *
 * @param atMillis when its node last said that the schema is this one
 * @param acknowledged null: not known
 * @param losses what cdcguard had written when `since` was last moved for it
 */
record CaptureState(@JsonProperty("version") int version, @JsonProperty("host_id") UUID hostId,
                    @JsonProperty("node") String node, @JsonProperty("at_ms") long atMillis,
                    @JsonProperty("schema_version") UUID schemaVersion,
                    @JsonProperty("acknowledged") Position acknowledged, @JsonProperty("losses") long losses,
                    @JsonProperty("tables") List<TableState> tables) {
    private static final Logger LOG = LoggerFactory.getLogger(CaptureState.class);
    private static final int VERSION = 1;
    private static final ObjectMapper JSON = new ObjectMapper()
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);

    /**
     * Captured since then, a token for equality only; or not, and why.
     *
     * @param topic where its hints go; null in a state from before topics were named by `Topics`
     * @param newestMicros the latest write time that was hinted; null: none was
     * @param watermark null: the table is not hinted, or only just
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record TableState(@JsonProperty("keyspace") String keyspace, @JsonProperty("table") String table,
                      @JsonProperty("id") UUID id, @JsonProperty("topic") String topic,
                      @JsonProperty("since") Long since,
                      @JsonProperty("altered_us") Long alteredMicros,
                      @JsonProperty("newest_us") Long newestMicros, @JsonProperty("why") String why,
                      @JsonProperty("watermark") Watermark watermark) {
        static TableState of(KnownTable table, String topic, Long since, Long newestMicros,
                             Watermark watermark) {
            return new TableState(table.keyspace(), table.name(), table.uuid(), topic, since,
                    table.captured() ? table.alteredMicros() : null, newestMicros, table.why(), watermark);
        }

        String sentTo(Topics topics) {
            return topic == null ? topics.former(keyspace, table) : topic;
        }
    }

    static CaptureState of(OwnNode node, Topics topics, long atMillis, NodeSchema schema,
                           Map<TableId, Long> since, Map<TableId, Long> newest, Position acknowledged,
                           long losses, Map<TableId, Watermark> watermarks) {
        List<TableState> tables = schema.tables().values().stream().filter(KnownTable::wanted)
                .sorted(Comparator.comparing(KnownTable::keyspace).thenComparing(KnownTable::name))
                .map(table -> TableState.of(table, topics.of(table.keyspace(), table.name()),
                        since.get(table.id()), newest.get(table.id()), watermarks.get(table.id())))
                .toList();
        return new CaptureState(VERSION, node.hostId(), node.address(), atMillis, schema.version(),
                acknowledged, losses, tables);
    }

    /** Of the last run; nothing where there was none, where it was another node's, or it is broken. */
    static CaptureState read(Path file, UUID hostId) {
        CaptureState nothing = new CaptureState(VERSION, hostId, null, 0, null, null, 0, List.of());
        try {
            CaptureState found = JSON.readValue(Files.readString(file), CaptureState.class);
            return hostId.equals(found.hostId) && found.version == VERSION ? found : nothing;
        }
        catch (IOException cause) {
            LOG.warn("There is no state of an earlier run in {}, so tables count as captured from now on: {}",
                    file, cause.toString());
            return nothing;
        }
    }

    /** Since when this very table is captured into its topic, if it was so and was not altered since. */
    Optional<Long> since(KnownTable table, Topics topics) {
        return tables.stream().filter(one -> one.since != null && table.uuid().equals(one.id)
                && Long.valueOf(table.alteredMicros()).equals(one.alteredMicros)
                && one.sentTo(topics).equals(topics.of(table.keyspace(), table.name())))
                .map(TableState::since).findFirst();
    }

    Optional<Long> newest(KnownTable table) {
        return tables.stream().filter(one -> one.newestMicros != null && table.uuid().equals(one.id))
                .map(TableState::newestMicros).findFirst();
    }

    Map<TableId, Watermark> watermarks() {
        return tables.stream().filter(one -> one.watermark != null)
                .collect(Collectors.toMap(one -> TableId.fromUUID(one.id), TableState::watermark));
    }

    String json() {
        try {
            return JSON.writeValueAsString(this);
        }
        catch (JsonProcessingException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /** The old file or the new one is there, whenever the machine stops. */
    void write(Path file) throws IOException {
        Path made = file.resolveSibling(file.getFileName() + ".new");
        try (FileChannel out = FileChannel.open(made, StandardOpenOption.CREATE,
                StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = ByteBuffer.wrap(json().getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining())
                out.write(bytes);
            out.force(true);
        }
        Files.move(made, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel folder = FileChannel.open(file.getParent(), StandardOpenOption.READ)) {
            folder.force(true);
        }
    }
}
