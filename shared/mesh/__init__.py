"""NHS MESH over its HTTP API, version 2."""
