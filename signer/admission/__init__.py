"""Admission: servers that let nothing run but what the policy accepts.

``collections`` keeps verified collections for both servers; ``kubernetes`` is the admission
webhook, ``engine`` the Docker engine's authorization plugin.
"""
