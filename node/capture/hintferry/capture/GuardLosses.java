package hintferry.capture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What cdcguard counted on this node: one more each time that hints may be lost.
 *
 * Twin of `node/cdcguard/progress.py`.
 */
final class GuardLosses {
    private static final Logger LOG = LoggerFactory.getLogger(GuardLosses.class);
    private static final String FILE = "losses";
    private static final long UNREADABLE = -1;

    private final Path file;

    GuardLosses(String directory) {
        file = Path.of(directory, FILE);
    }

    /** Another number than before is a loss, a lower one too: the file was made again. */
    long count() {
        try {
            return Long.parseLong(Files.readString(file).strip());
        }
        catch (NoSuchFileException none) {
            return 0;
        }
        catch (IOException | NumberFormatException cause) {
            LOG.error("cdcguard's count of losses in {} cannot be read, so one more is assumed. Let this"
                    + " user read it, or delete it: {}", file, cause.toString());
            return UNREADABLE;
        }
    }
}
