package hintferry.capture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What cdcguard wrote on this node when it last found that hints may be lost.
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

    /** Another number than before is a loss; none is written twice. */
    long last() {
        try {
            return Long.parseLong(Files.readString(file).strip());
        }
        catch (NoSuchFileException none) {
            return 0;
        }
        catch (IOException | NumberFormatException cause) {
            LOG.error("What cdcguard wrote of losses in {} cannot be read, so one is assumed. Let this"
                    + " user read it, or delete it: {}", file, cause.toString());
            return UNREADABLE;
        }
    }
}
