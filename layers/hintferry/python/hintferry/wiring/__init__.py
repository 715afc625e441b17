"""Composition roots, one for each entry point: here adapters meet the pipeline."""
