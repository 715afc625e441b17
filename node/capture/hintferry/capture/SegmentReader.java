package hintferry.capture;

import hintferry.capture.Acknowledged.Position;
import hintferry.capture.HintWriter.ReadingStopped;
import io.debezium.connector.cassandra.CommitLogSegmentReader;
import io.debezium.connector.cassandra.OffsetPosition;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.commitlog.CommitLogDescriptor;
import org.apache.cassandra.db.commitlog.CommitLogPosition;
import org.apache.cassandra.db.commitlog.CommitLogReadHandler;
import org.apache.cassandra.db.commitlog.CommitLogReader;
import org.apache.cassandra.db.rows.DeserializationHelper;
import org.apache.cassandra.io.util.DataInputBuffer;
import org.apache.cassandra.schema.TableId;
import org.apache.cassandra.utils.ByteBufferUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a commit-log segment, also while it is being written. DDL is not in the log: what is not
 * known here yet is asked of the node, which knew it before it took the write.
 */
final class SegmentReader implements CommitLogSegmentReader {
    private static final Logger LOG = LoggerFactory.getLogger(SegmentReader.class);
    private static final long AGAIN_AFTER_MS = 50;

    private final SchemaKeeper schema;
    private final HintWriter writer;
    private final Markers markers;
    private final Acknowledged acknowledged;
    private final Position done;
    private long segment;
    private int position;

    SegmentReader(SchemaKeeper schema, HintWriter writer, Markers markers, Acknowledged acknowledged) {
        this.schema = schema;
        this.writer = writer;
        this.markers = markers;
        this.acknowledged = acknowledged;
        Position last = acknowledged.upTo();
        this.done = last == null ? new Position(0, 0) : last;
    }

    /** Counted as lost already: a segment that ends otherwise would be moved away unread. */
    private static final class HintsLost extends IOException {
        HintsLost(String why, Throwable cause) {
            super(why, cause);
        }
    }

    /** Goes on where it has read to; `from` is where the index stood at the last call. */
    @Override
    public void readCommitLogSegment(File file, long id, int from) throws IOException {
        try {
            read(file, id);
        }
        catch (ReadingStopped | HintsLost known) {
            throw known;
        }
        catch (IOException | RuntimeException | Error cause) {
            CaptureTask.end(file + " could not be read", cause);
        }
    }

    private void read(File file, long id) throws IOException {
        if (id < done.segment())
            return;
        if (id != segment) {
            segment = id;
            position = id == done.segment() ? done.position() : 0;
        }
        while (!isRead(file))
            CaptureTask.pause(AGAIN_AFTER_MS);
    }

    /** False: try again, the node is just writing there. */
    private boolean isRead(File file) throws IOException {
        Index index = Index.of(file);
        if (index == null && !file.exists())
            throw lost(file, null);
        if (index == null)
            return false;
        schema.lookBeforeReading();
        try {
            Pass pass = new Pass(index);
            pass.readCommitLogSegment(pass, new org.apache.cassandra.io.util.File(file),
                    new CommitLogPosition(segment, position), CommitLogReader.ALL_MUTATIONS, false);
        }
        catch (ReadingStopped stopping) {
            throw stopping;
        }
        catch (IOException | RuntimeException | Error cause) {
            if (!file.exists() || index.closed && position < index.synced)
                throw lost(file, cause);
            if (position >= index.synced)
                LOG.debug("Beyond {}, to which {} is synced: {}", index.synced, file, cause.toString());
            else if (cause instanceof IOException)
                return false;
            else
                skip(file, index, cause);
        }
        if (index.closed)
            awaitAcknowledgements();
        return true;
    }

    private HintsLost lost(File file, Throwable cause) {
        LOG.error("LOST HINTS: {} could not be read from {} on; every captured table counts as captured"
                + " from now on only.", file, position, cause);
        schema.lostAll();
        return new HintsLost("LOST HINTS of " + file, cause);
    }

    /** To throw would have Debezium move the log away while the node still writes to it. */
    private void skip(File file, Index index, Throwable cause) {
        LOG.error("LOST HINTS: {} could not be read from {} to {}; every captured table counts as captured"
                + " from now on only.", file, position, index.synced, cause);
        schema.lostAll();
        position = index.synced;
    }

    /** A closed segment is moved away once it is read, so nothing of it may still be under way. */
    private void awaitAcknowledgements() {
        try {
            acknowledged.awaitAll();
        }
        catch (InterruptedException cause) {
            throw new ReadingStopped(cause);
        }
    }

    private final class Pass extends CommitLogReader implements CommitLogReadHandler {
        private final Index index;

        Pass(Index index) {
            this.index = index;
        }

        @Override
        protected void readMutation(CommitLogReadHandler handler, byte[] bytes, int size,
                                    CommitLogPosition from, int end, CommitLogDescriptor segment)
                throws IOException {
            if (end <= from.position)
                return;
            Target target = Target.of(bytes, size);
            if (mayConcern(target))
                hint(target, bytes, size, new OffsetPosition(segment.fileName(), end), segment);
            position = end;
            acknowledged.read(new Position(segment.id, end));
        }

        private void hint(Target target, byte[] bytes, int size, OffsetPosition at,
                          CommitLogDescriptor segment) {
            Throwable cause = attempt(bytes, size, at, segment);
            if (cause != null && schema.lookAgain())
                cause = attempt(bytes, size, at, segment);
            if (cause != null)
                for (KnownTable table : touched(target))
                    writer.unreadable(table, target.key, at, cause);
        }

        /** What kept the mutation from being read; null: it was hinted. */
        private Throwable attempt(byte[] bytes, int size, OffsetPosition at, CommitLogDescriptor segment) {
            Mutation mutation;
            try (DataInputBuffer in = new DataInputBuffer(bytes, 0, size)) {
                mutation = Mutation.serializer.deserialize(in, segment.getMessagingVersion(),
                        DeserializationHelper.Flag.LOCAL);
            }
            catch (IOException | RuntimeException | AssertionError unreadable) {
                return unreadable;
            }
            writer.write(mutation, at);
            markers.read(mutation, new Position(segment.id, at.filePosition));
            return null;
        }

        @Override
        public void handleMutation(Mutation mutation, int size, int end, CommitLogDescriptor segment) {
            throw new UnsupportedOperationException("readMutation is ours");
        }

        /** In a closed segment one mutation is broken; what follows it can be read. */
        @Override
        public boolean shouldSkipSegmentOnError(CommitLogReadException error) throws IOException {
            if (!index.closed || position >= index.synced)
                throw error;
            LOG.error("LOST HINTS: one mutation behind {} could not be read", position, error);
            schema.lostAll();
            return false;
        }

        @Override
        public void handleUnrecoverableError(CommitLogReadException error) throws IOException {
            throw error;
        }
    }

    /** Views and Cassandra's own tables never share a mutation with a user's. */
    private boolean mayConcern(Target target) {
        KnownTable first = schema.table(target.table);
        if (target.tables == 1)
            return first != null && first.captured();
        return first == null || first.isUsers();
    }

    /** All tables of one mutation share the keyspace and the partition key. */
    private List<KnownTable> touched(Target target) {
        KnownTable first = schema.table(target.table);
        if (target.tables == 1)
            return first == null ? List.of() : List.of(first);
        return schema.captured(first == null ? null : first.keyspace(), target.key);
    }

    /** What the node says of a segment: to where it is synced, and whether it is closed. */
    private record Index(int synced, boolean closed) {
        /** Null: it is not there, so what the log holds is not known. */
        static Index of(File log) throws IOException {
            Path path = log.toPath().resolveSibling(log.getName().replace(".log", "_cdc.idx"));
            try {
                List<String> lines = Files.readAllLines(path);
                boolean isWhole = !lines.isEmpty() && lines.get(0).matches("\\d{1,9}");
                return new Index(isWhole ? Integer.parseInt(lines.get(0)) : 0,
                        lines.size() == 2 && lines.get(1).equals("COMPLETED"));
            }
            catch (NoSuchFileException none) {
                return null;
            }
        }
    }

    /** What the head of a serialized mutation tells: how many tables, the first one, and the key. */
    private record Target(int tables, TableId table, ByteBuffer key) {
        static Target of(byte[] bytes, int size) throws IOException {
            try (DataInputBuffer in = new DataInputBuffer(bytes, 0, size)) {
                return new Target((int) in.readUnsignedVInt(), TableId.deserialize(in),
                        ByteBufferUtil.readWithVIntLength(in));
            }
        }
    }
}
