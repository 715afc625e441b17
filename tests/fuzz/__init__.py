"""Random schemas and statements on the user's way: `python -m tests.fuzz --seed S --runs N`."""
