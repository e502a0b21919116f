"""A Spark cluster on this machine, as a real one is: a master, and workers that start executors."""
