"""Admission to a Docker engine: an authorization plugin that lets run what a policy accepts."""
