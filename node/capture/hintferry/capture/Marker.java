package hintferry.capture;

import hintferry.capture.Acknowledged.Position;

/**
 * A number of one table, as this node's log holds it: what was acknowledged at a quorum before the
 * number was drawn stands before it in the log of each node that took the write.
 *
 * @param table its keyspace and name, with a point between
 * @param drawnMillis a label, by the clock of who drew it; null: it has none
 * @param end of its mutation
 */
record Marker(String table, long number, Long drawnMillis, Position end) {
}
