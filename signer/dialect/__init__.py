"""Notary's dialect of TUF metadata: payload, wire form, keys, codec. Pure: no I/O, no clock."""
