"""HTTP to Notary servers and registries: TLS, credentials, the registry token flow."""
