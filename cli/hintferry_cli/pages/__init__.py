"""Self-contained pages that show a pass, or a whole migration, to a person."""
