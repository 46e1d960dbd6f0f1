# tests/connectors
