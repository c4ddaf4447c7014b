"""Governance: signatures, the audit log, and the one place that commits a state change."""
