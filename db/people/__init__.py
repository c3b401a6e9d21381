"""Reviewers, roles, sign-ins, settings and the audit trail."""
