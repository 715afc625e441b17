"""docs/reference/metrics.md: each metric, and the alarms that watch it."""

from collections.abc import Iterator

from docs.site.reference.alarms import alarm_rules
from docs.site.reference.layout import HINT, head, table, words_for
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring import node_metrics as guard


def page() -> Iterator[str]:
    watching: dict[tuple[str, str], list[str]] = {}
    for rule in alarm_rules():
        watched = rule.metric.namespace, rule.metric.name
        watching.setdefault(watched, []).append(f"`{rule.name}`")

    def alarms(namespace: str, name: str) -> str:
        return ", ".join(watching.get((namespace, name), []))

    hintferry_metrics = words_for("metrics", (*metrics.OURS, *metrics.OF_SWEEPS))
    yield from head("Metrics", "An alarm stands beside the metric that it watches.", HINT)
    yield from ("", "## From the functions", "")
    yield f"Namespace `{metrics.NAMESPACE}`, dimension `{metrics.OUR_DIMENSION}`."
    yield from table(
        ("metric", "meaning", "alarm"),
        [
            (f"`{name}`", text, alarms(metrics.NAMESPACE, name))
            for name, text in hintferry_metrics.items()
        ],
    )
    yield from ("", "## From cdcguard on each node", "")
    yield f"Namespace `{guard.NAMESPACE}`, dimensions `pipeline` and `node`."
    yield from table(
        ("metric", "unit", "meaning", "alarm"),
        [
            (f"`{name}`", unit, text, alarms(guard.NAMESPACE, name))
            for name, (unit, text, _) in guard.METRICS.items()
        ],
    )
    yield from ("", "## From AWS")
    yield from table(
        ("metric", "dimensions", "alarm"),
        [
            (f"`{one.namespace}` `{one.name}`", ", ".join(one.dimensions),
             alarms(one.namespace, one.name))
            for one in metrics.AWS
        ],
    )  # fmt: skip
