package hintferry.capture;

import io.debezium.connector.cassandra.CommitLogSegmentReader;
import io.debezium.connector.cassandra.OffsetPosition;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.commitlog.CommitLogDescriptor;
import org.apache.cassandra.db.commitlog.CommitLogPosition;
import org.apache.cassandra.db.commitlog.CommitLogReadHandler;
import org.apache.cassandra.db.commitlog.CommitLogReader;
import org.apache.cassandra.db.rows.DeserializationHelper;
import org.apache.cassandra.io.util.DataInputBuffer;
import org.apache.cassandra.schema.TableId;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.utils.ByteBufferUtil;

/**
 * Reads a commit-log segment. DDL is not in the log, so a write may be read before its table or
 * column is known here: such a mutation waits for the schema instead of being dropped.
 */
final class SegmentReader implements CommitLogSegmentReader {
    private final SchemaKeeper schema;
    private final HintWriter writer;

    SegmentReader(SchemaKeeper schema, HintWriter writer) {
        this.schema = schema;
        this.writer = writer;
    }

    @Override
    public void readCommitLogSegment(File file, long segment, int from) throws IOException {
        new PatientReader().readCommitLogSegment(writer, new org.apache.cassandra.io.util.File(file),
                new CommitLogPosition(segment, from), CommitLogReader.ALL_MUTATIONS, false);
    }

    private final class PatientReader extends CommitLogReader {
        @Override
        protected void readMutation(CommitLogReadHandler handler, byte[] bytes, int size,
                                    CommitLogPosition from, int end, CommitLogDescriptor segment)
                throws IOException {
            if (end <= from.position)
                return;
            Target target = Target.of(bytes, size);
            Exception cause;
            long version;
            do {
                version = schema.version();
                Mutation mutation;
                try (DataInputBuffer in = new DataInputBuffer(bytes, 0, size)) {
                    mutation = Mutation.serializer.deserialize(in, segment.getMessagingVersion(),
                            DeserializationHelper.Flag.LOCAL);
                }
                catch (IOException | RuntimeException | AssertionError unreadable) {
                    if (settled(target, segment, end))
                        return;
                    cause = new IOException(unreadable);
                    continue;
                }
                handler.handleMutation(mutation, size, end, segment);
                return;
            } while (!schema.wasDropped(target.table) && schema.changesAfter(version, target.table));
            giveUp(target, new OffsetPosition(segment.fileName(), end), cause);
        }
    }

    /** Not of interest, or hinted before a restart: nothing to wait for. */
    private boolean settled(Target target, CommitLogDescriptor segment, int end) {
        TableMetadata table = schema.table(target.table);
        return target.tables == 1 && table != null
                && !writer.wants(table, new OffsetPosition(segment.fileName(), end));
    }

    /** All tables of one mutation share the keyspace and the partition key. */
    private void giveUp(Target target, OffsetPosition at, Exception cause) {
        TableMetadata first = schema.table(target.table);
        if (first == null) {
            if (!schema.wasDropped(target.table))
                writer.handleLost(at, cause);
            return;
        }
        writer.handleUnreadable(first, target.key, at, cause);
        if (target.tables > 1)
            for (TableMetadata other : schema.siblings(first))
                writer.handleUnreadable(other, target.key, at, cause);
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
