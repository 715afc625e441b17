"""docs/reference/metrics.md: each metric, and the alarms that watch it."""

from collections.abc import Callable, Iterator

from docs.site.reference.alarms import alarm_rules
from docs.site.reference.layout import HINT, head, table, words_for
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring import node_metrics as guard


def page() -> Iterator[str]:
    alarms = _alarms()
    ours = (*metrics.OURS, *metrics.OF_VERSIONS, *metrics.OF_SWEEPS)
    of_versions = dict.fromkeys(metrics.OF_VERSIONS, metrics.OUR_VERSION)
    yield from head("Metrics", "An alarm stands beside the metric that it watches.", HINT)
    yield from ("", "## From the functions", "")
    yield f"Namespace `{metrics.NAMESPACE}`, dimension `{metrics.OUR_DIMENSION}`."
    for name, dimensions in of_versions.items():
        yield f"`{name}` has the dimensions `{'`, `'.join(dimensions)}` too."
    yield from table(
        ("metric", "meaning", "alarm"),
        [
            (f"`{name}`", text,
             alarms(metrics.NAMESPACE, name, metrics.OUR_DIMENSION, *of_versions.get(name, ())))
            for name, text in words_for("metrics", ours).items()
        ],
    )  # fmt: skip
    yield from ("", "## From cdcguard on each node", "")
    yield f"Namespace `{guard.NAMESPACE}`, dimensions `pipeline` and `node`."
    yield from table(
        ("metric", "unit", "meaning", "alarm"),
        [
            (f"`{name}`", unit, text, alarms(guard.NAMESPACE, name, *guard.DIMENSIONS[-1]))
            for name, (unit, text, _) in guard.METRICS.items()
        ],
    )
    yield from ("", "## From AWS")
    yield from table(
        ("metric", "dimensions", "alarm"),
        [
            (f"`{one.namespace}` `{one.name}`", ", ".join(one.dimensions),
             alarms(one.namespace, one.name, *one.dimensions))
            for one in metrics.AWS
        ],
    )  # fmt: skip


def _alarms() -> Callable[..., str]:
    """Return what names the alarms that watch a metric with these dimensions."""
    watching: dict[tuple[str, ...], list[str]] = {}
    for rule in alarm_rules():
        watched = rule.metric.namespace, rule.metric.name, *rule.metric.dimensions
        watching.setdefault(watched, []).append(f"`{rule.name}`")
    return lambda *watched: ", ".join(watching.get(watched, []))
