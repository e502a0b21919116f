"""Benchmarks that produce the figures in the README; `make bench` runs them."""
