"""The clock of this machine, and how far it is from those of both sides."""
