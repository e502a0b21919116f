"""A real Spark cluster on this machine: a master, and workers that start executors."""
