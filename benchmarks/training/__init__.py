"""Benchmarks of training: its cost by mode and number of executors, and the quality of the result on unseen people."""
