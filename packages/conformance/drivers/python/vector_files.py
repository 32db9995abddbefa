"""Reads the published vectors and expands what they write short (test-vectors/README.md, section 2)."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parents[4] / "test-vectors"


@dataclass
class Vector:
    id: str
    op: str
    input: dict[str, Any]
    result: dict[str, Any]
    then: dict[str, Any] | None


def read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


class Expander:
    """Replaces `$key`, `$public`, `$hex` and `$text`; `keys` maps a label to its private JWK."""

    def __init__(self, keys: dict[str, dict[str, Any]]) -> None:
        self._keys = keys

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, inner),) = value.items()
            if name == "$key":
                return dict(self._keys[inner])
            if name == "$public":
                return {member: item for member, item in self._keys[inner].items() if member != "d"}
            if name in ("$hex", "$text"):
                middle = inner.get("repeat", "") * inner.get("n", 0)
                return inner.get("prefix", "") + middle + inner.get("suffix", "")
        return {name: self(item) for name, item in value.items()}


def vectors(expand: Expander) -> Iterator[Vector]:
    for path in sorted(VECTORS.glob("*.json")):
        if path.name == "keys.json":
            continue
        for group in json.loads(path.read_text("utf-8"))["groups"]:
            for vector in group["vectors"]:
                given = {**group.get("context", {}), **vector["input"]}
                then = expand(vector.get("then"))
                yield Vector(vector["id"], group["op"], expand(given), expand(vector["result"]), then)


def seed(label: str) -> bytes:
    """Every private key of the vectors is this hash of its label."""
    return hashlib.sha256(f"sealwire-vectors/1/{label}".encode()).digest()
