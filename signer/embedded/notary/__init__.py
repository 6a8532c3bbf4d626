"""The embedded DTR's Notary server: NP section 5, hashing the bytes that it stores."""
