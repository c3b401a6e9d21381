"""The store: the only SQLAlchemy of the project."""
