"""Opening a store, transactions, heartbeats; SQLite and PostgreSQL behind one interface."""
