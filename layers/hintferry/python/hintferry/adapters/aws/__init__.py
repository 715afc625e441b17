"""Events, queues and metrics of AWS."""
