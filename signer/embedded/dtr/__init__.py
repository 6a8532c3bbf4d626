"""The API of the embedded DTR: repositories, tags, scans, promotion, webhooks."""
