package hintferry.capture;

import java.util.concurrent.TimeUnit;

/** The clock to wait by: it goes on evenly when somebody sets that of the machine. */
final class Waits {
    /** Long before the process, so that a time which was never set, 0, is long ago. */
    private static final long ZERO = System.nanoTime() - TimeUnit.DAYS.toNanos(1);

    private Waits() {
    }

    static long nowMillis() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - ZERO);
    }
}
