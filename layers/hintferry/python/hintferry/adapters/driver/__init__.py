"""CQL over the driver, alike for both sides."""
