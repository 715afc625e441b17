"""One module per thing outside the process. Only `wiring` puts them together."""
