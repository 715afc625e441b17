"""Define who may do what."""
