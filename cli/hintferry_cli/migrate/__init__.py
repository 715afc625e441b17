"""Run `hintferry migrate`: bring every table of the plan to its stage, several at once."""
