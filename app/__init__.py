"""What people touch: the command line, the worker, the desk."""
