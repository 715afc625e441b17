"""`hintferry pause`, `resume`, `throttle` and `journal`: what runs is steered without a deploy."""
