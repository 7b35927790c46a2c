"""A Comet Server in one process, for demos, tests, and anyone who writes against Comet's API.

Start it with `python -m comet.emulator`; README.md beside this file lists the flags and the control plane.
"""
