"""Metrics, alarms and dashboards."""
