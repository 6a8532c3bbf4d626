"""Verified reading, module by module."""
