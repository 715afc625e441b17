package hintferry.capture;

import java.io.File;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** The segments of the log that wait to be read: in cdc_raw, or where cdcguard set them aside. */
final class Segments {
    private static final Pattern INDEX = Pattern.compile("CommitLog-(?:\\d+-)?(\\d+)_cdc\\.idx");
    private static final Pattern ANY = Pattern.compile("CommitLog-(?:\\d+-)?(\\d+)(?:_cdc\\.idx|\\.log)");

    private final File cdcRaw;
    private final File aside;

    Segments(File cdcRaw, File aside) {
        this.cdcRaw = cdcRaw;
        this.aside = aside;
    }

    /**
     * Why not everything from before this segment was read; null: it was. A segment is moved out of
     * cdc_raw once its hints are acknowledged, and set aside from there, so cdc_raw is listed first.
     */
    String unreadBefore(long segment) {
        OptionalLong older = numbers(cdcRaw, INDEX).filter(number -> number < segment).min();
        if (older.isPresent())
            return "segment " + older.getAsLong() + " in " + cdcRaw + " is older than the marker and"
                    + " not read to its end; if this lasts, see `cdcguard status` on the node";
        long count = numbers(aside, ANY).distinct().count();
        if (count > 0)
            return "segments set aside in " + aside + ": " + count + "; stop hintferry-capture, run"
                    + " `cdcguard give-back` on the node, and start it again";
        return null;
    }

    private static LongStream numbers(File directory, Pattern pattern) {
        String[] names = directory.list();
        return Stream.of(names == null ? new String[0] : names).map(pattern::matcher)
                .filter(Matcher::matches).mapToLong(name -> Long.parseLong(name.group(1)));
    }
}
