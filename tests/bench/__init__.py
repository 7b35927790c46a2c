"""Benchmarks: measured, printed, never asserted. `make bench` runs each `bench_*.py` beside this file."""
