package hintferry.capture;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * How far the log was read and every hint of it acknowledged by the broker, over all tables.
 * Hints are sent in the order of the log and may be acknowledged in any.
 */
final class Acknowledged {
    /** The end of a mutation in the log. */
    record Position(long segment, int position) implements Comparable<Position> {
        @Override
        public int compareTo(Position other) {
            return segment != other.segment ? Long.compare(segment, other.segment)
                    : Integer.compare(position, other.position);
        }
    }

    /** A hint under way; `before`: all that stands in the log up to there was hinted before it. */
    static final class Sent {
        private final Position before;
        private boolean isDone;

        private Sent(Position before) {
            this.before = before;
        }
    }

    private final Deque<Sent> underWay = new ArrayDeque<>();
    private Position read;

    /** Everything up to here was acknowledged when the process last ran; null: not known. */
    synchronized void startAt(Position known) {
        read = known;
    }

    /** The mutation that ends here, and all before it, have their hints on the way. */
    synchronized void read(Position end) {
        if (read == null || end.compareTo(read) > 0)
            read = end;
    }

    synchronized Sent sending() {
        Sent sent = new Sent(read);
        underWay.add(sent);
        return sent;
    }

    synchronized void done(Sent sent) {
        sent.isDone = true;
        while (!underWay.isEmpty() && underWay.peek().isDone)
            underWay.remove();
        if (underWay.isEmpty())
            notifyAll();
    }

    /** Null before the first. */
    synchronized Position upTo() {
        return underWay.isEmpty() ? read : underWay.peek().before;
    }

    synchronized boolean includes(Position end) {
        return read != null && end.compareTo(read) <= 0;
    }

    synchronized void awaitAll() throws InterruptedException {
        while (!underWay.isEmpty())
            wait();
    }
}
