"""Property tests draw the same examples each time, however slow the machine is just now."""

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")
