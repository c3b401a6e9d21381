"""The door to every write, and the people who go through it: rights, sign-ins, settings, the audit trail."""
