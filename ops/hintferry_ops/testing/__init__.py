"""Fakes of every port of this library, in memory."""
