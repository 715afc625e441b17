"""Imitate the services of AWS: event sources, the Lambda runtime, state machines, queues."""
