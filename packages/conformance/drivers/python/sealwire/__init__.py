"""Sealwire/1, written from the documents in specs/ alone. Pure, except for `fresh`: no I/O, no clock, no randomness."""
