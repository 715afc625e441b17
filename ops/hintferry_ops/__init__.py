"""The operator's library: the command and the stacks use it, Lambda never sees it."""
