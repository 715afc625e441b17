"""Chaos: a three-node source under random statements while every part is paused, killed, replayed.

`python -m tests.chaos --seconds 60 --seed 1`, or `make chaos SECONDS=60 SEED=1`. A run ends as
`equal`, `divergent` or `unknown`; only `equal` is a success. What it does *not* provoke, because
no hint exists for it or a sweep has to repair it, is listed in `program.py` and `plan.py`.
"""
