"""The embedded DTR's Notary server side by side with the real one."""
