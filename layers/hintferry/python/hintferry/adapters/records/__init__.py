"""What comes in a topic, and the names of topics."""
