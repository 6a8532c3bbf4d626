"""The record of what was signed, revoked and changed: who, what, when, why and how."""
