package hintferry.capture;

import hintferry.capture.Acknowledged.Position;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.marshal.LongType;
import org.apache.cassandra.db.marshal.UTF8Type;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.db.rows.Cell;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.schema.ColumnMetadata;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.utils.ByteBufferUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the markers out of the log. hintferry.markers is Hintferry's own, and the only table of
 * which capture reads values: the numbers, and when they were drawn.
 */
final class Markers {
    private static final Logger LOG = LoggerFactory.getLogger(Markers.class);

    private final Consumer<Marker> heard;

    Markers(Consumer<Marker> heard) {
        this.heard = heard;
    }

    static boolean are(String keyspace, String table) {
        return keyspace.equals("hintferry") && table.equals("markers");
    }

    /** A marker that cannot be read settles nothing; a later one is drawn soon. */
    void read(Mutation mutation, Position end) {
        for (PartitionUpdate update : mutation.getPartitionUpdates())
            if (are(update.metadata().keyspace, update.metadata().name))
                try {
                    of(update, end).forEach(heard);
                }
                catch (RuntimeException | AssertionError cause) {
                    LOG.error("The marker at {} could not be read; it settles nothing.", end, cause);
                }
    }

    private static List<Marker> of(PartitionUpdate update, Position end) {
        List<Marker> found = new ArrayList<>();
        String table = UTF8Type.instance.compose(update.partitionKey().getKey());
        for (Row row : update) {
            Long number = number(row, update.metadata(), "number");
            // Written without a number by a release from before there were numbers.
            if (number != null)
                found.add(new Marker(table, number, number(row, update.metadata(), "drawn_at"), end));
        }
        return found;
    }

    /** A bigint; a timestamp has the bytes of its milliseconds. */
    private static Long number(Row row, TableMetadata metadata, String name) {
        ColumnMetadata column = metadata.getColumn(ByteBufferUtil.bytes(name));
        Cell<?> cell = column == null ? null : row.getCell(column);
        if (cell == null || cell.isTombstone())
            return null;
        ByteBuffer value = cell.buffer();
        return LongType.instance.compose(value);
    }
}
