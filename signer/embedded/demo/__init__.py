"""The whole supply chain on an embedded DTR, as ``signer demo`` shows it."""
