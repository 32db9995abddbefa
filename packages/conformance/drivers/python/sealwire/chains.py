"""The chains that an end holds (lifecycle.md, section 7)."""

from .renewal import HelloKeys, hello_keys


class Chains:
    """All that were derived since the last one that the peer has shown to have, that one included; the newest first.

    None is held once a `bye` was sent or received. A server holds two: each one that it derives follows a message of the client under the one before.
    """

    def __init__(self, chain: bytes, is_client: bool) -> None:
        self.held = [chain]
        self._is_client = is_client

    def derived(self, chain: bytes) -> None:
        if self.held:
            self.held = [chain, *(self.held if self._is_client else self.held[:1])]

    def confirmed(self, chain: bytes) -> None:
        """A message of the peer verified under the keys of this one."""
        if self.held:
            self.held = self.held[: self.held.index(chain) + 1] if chain in self.held else [chain]

    def find(self, key_id: str) -> tuple[bytes, HelloKeys] | None:
        found = ((chain, hello_keys(chain)) for chain in self.held)
        return next((pair for pair in found if pair[1].key_id == key_id), None)

    def clear(self) -> None:
        """The session is not to be resumed any more."""
        self.held = []
