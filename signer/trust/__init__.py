"""Verified reading of trusted collections: pins, the state machine, cache, high-water marks."""
