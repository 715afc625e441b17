"""Tell which stage of the migration a table has reached, and what leads to the next one."""
