"""docs/reference/alarms.md: each alarm, and the section of the runbooks that says what to do."""

from collections.abc import Iterator

from docs.site.reference.layout import HINT, head, table
from hintferry.adapters.config.settings import migration_from
from hintferry_ops.monitoring.every_alarm import every_alarm
from hintferry_ops.monitoring.rule import Rule, anchor
from tools import places

RUNBOOK = "../how-to/alarms.md"


def page() -> Iterator[str]:
    yield from head(
        "Alarms",
        "A critical alarm means that data is at risk now, or soon.",
        "A rollback alarm notifies nobody: a deploy asks it, and takes the new version back.",
        HINT,
        "The numbers are those of the `migration.toml` in the repository.",
    )
    rows = [
        (f"`{rule.name}`", rule.severity.value, _condition(rule), rule.meaning,
         f"[{rule.section}]({RUNBOOK}#{anchor(rule.section)})")
        for rule in sorted(alarm_rules(), key=lambda one: one.name)
    ]  # fmt: skip
    yield from table(("alarm", "severity", "raised when", "meaning", "what to do"), rows)


def alarm_rules() -> list[Rule]:
    """Return the rules of every alarm, for the migration.toml of the repository."""
    return every_alarm(migration_from(places.ROOT / "migration.toml"))


def _condition(rule: Rule) -> str:
    limit = f"{'<' if rule.below else '>'} {rule.threshold:,g}"
    beyond = f"{rule.statistic} of `{rule.metric.name}` {limit}"
    minutes = rule.period_s / 60
    every = f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"
    during = f" in {rule.breaches} of {rule.periods} periods of {every}"
    silent = ", or no data" if rule.silence_breaches else ""
    return f"{beyond}{during if rule.periods > 1 else f' in {every}'}{silent}"
