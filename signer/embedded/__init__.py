"""Layer 7: an embedded DTR (registry, Notary server, tokens, API) for demonstrations and tests."""
