"""The library that both daemons stand on: MESH, ITK3 messages, database, logs, settings."""
