"""What a migration costs."""
