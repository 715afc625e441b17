"""Check that a connector runs on every node of the datacenter to read, and nowhere else. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hintferry.core.capture import Witness
from hintferry.core.schema import TableId
from hintferry_cli.preflight.finding import Finding, Level
from hintferry_ops.cutover.gate.estimates import REPORT_HOLDS_S
from hintferry_ops.cutover.gate.facts import NodeReport
from hintferry_ops.fit.source_facts import SourceFacts

_GRANT_STATE = (
    "run on the source: GRANT MODIFY ON TABLE hintferry.captures TO the role of its connector;"
    " or see its log"
)
_INSTALL = "install the connector and the guard there: docs/how-to/install-on-nodes.md"


def capture_findings(
    facts: SourceFacts, reports: Sequence[NodeReport], now: float
) -> Iterator[Finding]:
    """Yield the faults of capture.

    `reports`: what cdcguard on each node reports; `now`: epoch seconds.
    """
    here = {node.address for node in facts.nodes if node.datacenter == facts.datacenter}
    lately = {report.node: report for report in reports if now - report.at < REPORT_HOLDS_S}
    for address in sorted(here - lately.keys()):
        silent = any(report.node == address for report in reports)
        what = "no longer reports" if silent else "has no connector, so its writes are not captured"
        fix = "check cdcguard and the CloudWatch agent on that node" if silent else _INSTALL
        yield Finding(Level.FAULT, address, what, fix)
    for address in sorted(lately.keys() - here):
        yield Finding(
            Level.FAULT,
            address,
            f"has a connector, and is not in {facts.datacenter}: it captures writes before they"
            f" reach {facts.datacenter}, so Hintferry would read stale rows",
            "remove it there: python3 -m node.install.install remove",
        )
    for address in sorted(here & lately.keys()):
        if aside := lately[address].set_aside:
            yield Finding(
                Level.FAULT,
                address,
                f"has {aside} unread segments set aside",
                f"run cdcguard.pyz give-back on {address}",
            )


def connector_findings(
    seen: Sequence[Witness], reports: Sequence[NodeReport], now: float
) -> Iterator[Finding]:
    """Yield what the connectors that run say they cannot do, most often for want of a grant.

    `seen`: the capture of each table; `reports` and `now` as of `capture_findings`.
    """
    lately = {report.node for report in reports if now - report.at < REPORT_HOLDS_S}
    silent: set[str] = set()
    uncaptured: dict[tuple[str, str], list[TableId]] = {}
    for one in seen:
        for node in one.nodes:
            said = one.said(node)
            if one.states is not None and node.host_id not in one.states:
                silent.add(node.node)
            elif said is not None and said.since is None:
                uncaptured.setdefault((node.node, said.why), []).append(one.table)
    for address in sorted(silent & lately):
        yield Finding(
            Level.FAULT, address, "its connector tells no state to the source", _GRANT_STATE
        )
    for (address, why), tables in sorted(uncaptured.items()):
        names = ", ".join(map(str, sorted(tables)))
        yield Finding(
            Level.FAULT,
            address,
            f"its connector cannot capture {names}: {why}",
            "change what it names, or see docs/reference/limits.md; its role needs the grants of"
            " docs/explanation/security.md",
        )
