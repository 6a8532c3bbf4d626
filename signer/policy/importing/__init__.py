"""Policies of other verifiers, read as policies of this one."""
