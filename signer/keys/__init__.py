"""Private keys: Notary's key files, the trust directory, signers of every kind, client bundles."""
