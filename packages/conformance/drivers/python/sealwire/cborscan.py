"""The strictness that CBOR libraries lack: shortest definite heads, and which types may stand where.

A scan over the bytes refuses what the grammar does not admit; what passes is decoded by cbor2. Errors are ValueErrors, since
the caller knows whether it reads a frame (E_CBOR) or claims (E_CLAIMS).
"""

import struct
from math import isfinite
from typing import NamedTuple

from .limits import DEFAULTS, MAX_INTEGER

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)

KNOWN_CLAIMS = frozenset("iss aud bnd seq jti iat exp top ref req bin bat rcv pad".split())
_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}


class Head(NamedTuple):
    major: int
    info: int
    argument: int
    end: int
    shortest: bool


def read_head(data: bytes, at: int) -> Head:
    if at >= len(data):
        raise ValueError("the item is cut off")
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return Head(major, info, info, at + 1, True)
    size = _SIZES.get(info)
    if size is None:
        raise ValueError("an indefinite or reserved length")
    end = at + 1 + size
    if end > len(data):
        raise ValueError("the head is cut off")
    argument = int.from_bytes(data[at + 1 : end], "big")
    least = 24 if size == 1 else 1 << (4 * size)
    return Head(major, info, argument, end, argument >= least)


def scan_frame(data: bytes) -> None:
    """One array of unsigned integers and byte strings in shortest form, and nothing behind it."""
    head = read_head(data, 0)
    if head.major != ARRAY or not head.shortest or head.argument > 6:
        raise ValueError("no frame")
    at = head.end
    for _ in range(head.argument):
        item = read_head(data, at)
        if item.major not in (UINT, BYTES) or not item.shortest:
            raise ValueError("a frame holds unsigned integers and byte strings in shortest form")
        at = item.end + (item.argument if item.major == BYTES else 0)
        if at > len(data):
            raise ValueError("a byte string is cut off")
    if at != len(data):
        raise ValueError("bytes behind the frame")


class ClaimsScan:
    """Claims of codec `cbor` (envelope.md, section 6): one map, by the rules `cbor:*` and `limit:claims`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._values = 0

    def run(self) -> None:
        head = self._head(0)
        if head.major != MAP or not head.shortest:
            raise ValueError("claims are one map in shortest form")
        at = head.end
        names = self._new_names(head)
        for _ in range(head.argument):
            at, name = self._name(at, names, 1)
            if name == "bat":
                at = self._batch(at)
            elif name in KNOWN_CLAIMS:
                at = self._value(at, 2, relaxed=False, whole=False)
            else:
                at = self._value(at, 2, relaxed=True, whole=True)
        if at != len(self._data):
            raise ValueError("bytes behind the claims")

    def _batch(self, at: int) -> int:
        """Only the third member of an item is data; whatever has another shape is refused later, by the claims table."""
        head = read_head(self._data, at)
        if head.major != ARRAY:
            return self._value(at, 2, relaxed=False, whole=False)
        self._head(at)
        self._shortest(head)
        at = head.end
        for _ in range(head.argument):
            item = self._head(at)
            self._shortest(item)
            if item.major != ARRAY:
                raise ValueError("an item of a batch is an array")
            at = item.end
            for index in range(item.argument):
                at = self._value(at, 4, relaxed=index == 2, whole=index == 2)
        return at

    def _value(self, at: int, depth: int, relaxed: bool, whole: bool) -> int:
        """Scans one value and gives the place behind it. `whole`: it is the whole of some data, where bytes may stand."""
        head = self._head(at)
        if not head.shortest and not (relaxed and head.major == MAP) and head.major != SIMPLE:
            raise ValueError("a head is not shortest")
        if head.major in (UINT, NEGATIVE):
            if head.argument + head.major > MAX_INTEGER:
                raise ValueError("an integer beyond 2^53-1")
            return head.end
        if head.major in (BYTES, TEXT):
            if head.major == BYTES and not whole:
                raise ValueError("bytes inside data")
            return self._string(head)
        if head.major in (ARRAY, MAP):
            if depth > DEFAULTS["claimsDepth"]:
                raise ValueError("too deep")
            return self._container(head, depth, relaxed)
        if head.major == SIMPLE:
            return self._simple(head)
        raise ValueError("a tag")

    def _container(self, head: Head, depth: int, relaxed: bool) -> int:
        at = head.end
        if head.major == ARRAY:
            for _ in range(head.argument):
                at = self._value(at, depth + 1, relaxed, whole=False)
            return at
        names = self._new_names(head)
        for _ in range(head.argument):
            at, _ = self._name(at, names, depth)
            at = self._value(at, depth + 1, relaxed, whole=False)
        return at

    def _simple(self, head: Head) -> int:
        if head.info == 27:
            if not isfinite(struct.unpack(">d", self._data[head.end - 8 : head.end])[0]):
                raise ValueError("a number that is not finite")
        elif head.info not in (20, 21, 22):
            raise ValueError("a simple value or a short float")
        return head.end

    def _name(self, at: int, names: set[str], depth: int) -> tuple[int, str]:
        head = read_head(self._data, at)
        if head.major != TEXT:
            raise ValueError("a key that is no text")
        self._shortest(head)
        end = self._string(head)
        name = self._data[head.end : end].decode("utf-8")
        if name in names:
            raise ValueError("a key stands twice")
        if name == "__proto__" or (depth == 1 and name in ("constructor", "prototype")):
            raise ValueError("a forbidden name")
        names.add(name)
        return end, name

    def _string(self, head: Head) -> int:
        end = head.end + head.argument
        if end > len(self._data):
            raise ValueError("a string is cut off")
        if head.major == TEXT:
            self._data[head.end : end].decode("utf-8")
        return end

    def _head(self, at: int) -> Head:
        """The head of a value, which counts as one."""
        self._values += 1
        if self._values > DEFAULTS["claimsNodes"]:
            raise ValueError("too many values")
        return read_head(self._data, at)

    @staticmethod
    def _shortest(head: Head) -> None:
        if not head.shortest:
            raise ValueError("a head is not shortest")

    @staticmethod
    def _new_names(head: Head) -> set[str]:
        if head.argument > DEFAULTS["claimsMembers"]:
            raise ValueError("too many members")
        return set()
