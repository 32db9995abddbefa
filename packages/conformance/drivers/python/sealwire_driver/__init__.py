"""The conformance driver: operations of test-vectors/README.md as JSON lines."""
