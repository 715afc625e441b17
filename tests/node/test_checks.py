"""Each fault of a node is named with its fix, and a good node has none."""

import ast
from pathlib import Path

import pytest

from hintferry_ops.fit import node_checks
from hintferry_ops.fit.node_checks import setting_faults

GOOD = {
    "cdc_enabled": "true",
    "commitlog_sync": "periodic",
    "commitlog_sync_period": "100ms",
    "periodic_commitlog_sync_lag_block": "15s",
    "cdc_total_space": "4GiB",
    "commitlog_segment_size": "32MiB",
}


def changed(**settings: str | None) -> dict[str, str]:
    merged = {**GOOD, **settings}
    return {name: value for name, value in merged.items() if value is not None}


def test_a_good_node_has_no_fault() -> None:
    assert setting_faults(GOOD) == []


def test_the_older_names_and_numbers_are_understood() -> None:
    older = {
        "cdc_enabled": "true",
        "commitlog_sync": "periodic",
        "commitlog_sync_period_in_ms": "100",
        "periodic_commitlog_sync_lag_block_in_ms": "15000",
        "cdc_total_space_in_mb": "4096",
        "commitlog_segment_size_in_mb": "32",
    }
    assert setting_faults(older, "4.0.11") == []


@pytest.mark.parametrize(
    ("settings", "what", "fix", "fatal"),
    [
        (changed(cdc_enabled=None), "cdc_enabled", "cdc_enabled: true", True),
        (changed(cdc_block_writes="false"), "cdc_block_writes", "cdc_block_writes: true", True),
        (changed(cdc_on_repair_enabled="false"), "cdc_on_repair_enabled", "d: true", True),
        (changed(commitlog_sync="batch"), "commitlog_sync", "commitlog_sync: periodic", True),
        (changed(commitlog_sync="group"), "commitlog_sync", "commitlog_sync: periodic", True),
        (changed(periodic_commitlog_sync_lag_block=None), "periodic_commitlog_sync_lag_block",
         "periodic_commitlog_sync_lag_block: 15s", True),
        (changed(periodic_commitlog_sync_lag_block="14999ms"),
         "periodic_commitlog_sync_lag_block", "15s", True),
        (changed(commitlog_sync_period=None), "commitlog_sync_period", "100ms", False),
        (changed(commitlog_compression=""), "commitlog_compression", "remove", False),
        (changed(cdc_total_space=None), "cdc_total_space", "longest outage", False),
        (changed(cdc_total_space="512MiB"), "cdc_total_space", "raise it", True),
    ],
)  # fmt: skip
def test_a_fault_of_a_setting_is_named(
    settings: dict[str, str], what: str, fix: str, fatal: bool
) -> None:
    (fault,) = setting_faults(settings)
    assert (fault.what, fault.fatal) == (what, fatal)
    assert fix in fault.fix


def test_what_a_version_does_not_have_is_no_fault_of_it() -> None:
    off = changed(cdc_on_repair_enabled="false", cdc_block_writes="false")
    assert [fault.what for fault in setting_faults(off, "4.1.5")] == ["cdc_block_writes"]
    assert setting_faults(off, "4.0.11") == []
    assert [fault.what for fault in setting_faults(GOOD, "3.11.17")] == ["version"]


def test_a_default_sync_period_makes_no_write_wait() -> None:
    settings = changed(commitlog_sync_period=None, periodic_commitlog_sync_lag_block=None)
    assert [fault.what for fault in setting_faults(settings)] == ["commitlog_sync_period"]


def test_it_keeps_to_the_syntax_of_old_nodes() -> None:
    """It lies among modules that need not."""
    ast.parse(Path(node_checks.__file__).read_text(), feature_version=(3, 6))
