"""Docker trust's semantics: which roles sign a tag; init, sign, revoke, inspect, delegations."""
