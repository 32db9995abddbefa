"""A client and a server over `websockets`, around the pure machines of `sealwire`."""
