"""Writes what `deploy/grafana` holds: dashboards and alert rules, from tables and named queries."""
