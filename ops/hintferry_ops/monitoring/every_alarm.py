"""List every alarm of a pipeline, for who counts or describes them."""

from __future__ import annotations

from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.alarm_rules import Names, rules
from hintferry_ops.monitoring.mapping_rules import mapping_rules
from hintferry_ops.monitoring.rollback_rules import all_rollback_rules
from hintferry_ops.monitoring.rule import Rule


def every_alarm(migration: Migration) -> list[Rule]:
    """Return them with made-up names of what the stacks make."""
    names = Names("msk", "processor", "replay", "parked", "waiting", "sweep", "unstarted")
    mappings = [str(table.id) for table in migration.followed]
    made = [*rules(migration, names), *mapping_rules(mappings)]
    return made + all_rollback_rules(migration)
