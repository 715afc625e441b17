"""Define the errors of a sandbox. Each message is a sentence for the person who started it."""


class SandboxError(Exception):
    """The sandbox cannot go on; the message names the part and the fix."""


class PartFailed(SandboxError):
    """A part did not start or died; the message ends with its last log lines."""
