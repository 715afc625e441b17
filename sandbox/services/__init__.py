"""What AWS runs: event sources, the Lambda runtime, state machines, queues."""
