"""Docker Trusted Registry: events, its API, the gate before signing, and reconciliation."""
