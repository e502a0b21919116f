"""Benchmarks that produce the figures in `docs/measured.md`; `make bench` runs them."""
