package hintferry.capture;

import hintferry.capture.Hint.Bound;
import hintferry.capture.Hint.Op;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.cassandra.db.ClusteringPrefix;
import org.apache.cassandra.db.marshal.CompositeType;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.db.rows.RangeTombstoneMarker;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.Unfiltered;
import org.apache.cassandra.db.rows.UnfilteredRowIterator;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.utils.ByteBufferUtil;

/** Which keys an update touches. Pure: it reads keys and deletion marks, never a cell's value. */
final class Hints {
    /** Beyond this many ranges one slice of everything costs its reader less. */
    private static final int MOST_RANGES = 100;

    private Hints() {
    }

    static List<Hint> of(PartitionUpdate update) {
        List<Hint> hints = new ArrayList<>();
        if (!update.partitionLevelDeletion().isLive())
            hints.add(Hint.partition(Op.DELETE, hasClustering(update.metadata())));
        if (!update.staticRow().isEmpty())
            hints.add(Hint.staticRow());
        List<Hint> ranges = new ArrayList<>();
        Bound start = null;
        try (UnfilteredRowIterator rows = update.unfilteredIterator()) {
            while (rows.hasNext()) {
                Unfiltered next = rows.next();
                if (next instanceof Row row) {
                    hints.add(Hint.row(op(row), parts(row.clustering())));
                    continue;
                }
                // A marker that ends one range where the next begins is inside their union.
                RangeTombstoneMarker marker = (RangeTombstoneMarker) next;
                if (marker.isBoundary())
                    continue;
                if (marker.isOpen(false))
                    start = bound(marker);
                else
                    ranges.add(Hint.slice(start, bound(marker)));
            }
        }
        hints.addAll(ranges.size() <= MOST_RANGES ? ranges
                : List.of(Hint.slice(Bound.OPEN, Bound.OPEN)));
        return hints;
    }

    /** The highest write time in the update; Cassandra's own sum leaves row deletions out. */
    static long writtenAt(PartitionUpdate update) {
        long latest = update.maxTimestamp();
        for (Row row : update)
            latest = Math.max(latest, row.deletion().time().markedForDeleteAt());
        return latest;
    }

    static boolean hasClustering(TableMetadata table) {
        return !table.clusteringColumns().isEmpty();
    }

    /** The components of a partition key, each in an array of its own (a composite is one buffer). */
    static List<byte[]> partitionKey(TableMetadata table, ByteBuffer key) {
        ByteBuffer[] components = table.partitionKeyType instanceof CompositeType composite
                ? composite.split(key) : new ByteBuffer[]{ key };
        return Arrays.stream(components).map(ByteBufferUtil::getArray).toList();
    }

    private static Op op(Row row) {
        if (!row.deletion().isLive())
            return Op.DELETE;
        return row.primaryKeyLivenessInfo().isEmpty() ? Op.UPDATE : Op.INSERT;
    }

    private static Bound bound(RangeTombstoneMarker marker) {
        ClusteringPrefix<?> prefix = marker.clustering();
        return new Bound(parts(prefix), marker.isOpen(false) ? marker.openIsInclusive(false)
                : marker.closeIsInclusive(false));
    }

    private static List<byte[]> parts(ClusteringPrefix<?> prefix) {
        return Arrays.stream(prefix.getBufferArray()).map(ByteBufferUtil::getArray).toList();
    }
}
