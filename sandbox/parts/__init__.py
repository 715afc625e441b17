"""One module for each part of the sandbox, and what they stand on."""
