"""Interoperation tests run against the real programs: see ``tests/components/fixtures.py``."""
