"""Events, DTR's API, the gate, the signing job."""
