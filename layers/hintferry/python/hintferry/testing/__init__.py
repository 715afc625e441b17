"""Fakes of every port, in memory and on a scripted clock. Nothing here waits, nothing is random
but what the caller hands in, and nothing knows an adapter."""
