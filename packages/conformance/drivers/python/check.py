"""Runs the vectors against this driver in one process: `build/venv/bin/python check.py [part of an id]`.

The runner of the repository does the same through the driver protocol; this one needs Python alone.
"""

import sys
from typing import Any

from sealwire_driver.__main__ import OPERATIONS, answer
from sealwire_driver.values import read_line, write_line
from vector_files import Expander, Vector, read, vectors


def difference(wanted: Any, got: Any) -> str | None:
    """None, or where the result is not the one of the vector; objects may have more members than are listed."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for name, value in wanted.items():
            if name not in got:
                return f"{name} is missing"
            found = difference(value, got[name])
            if found:
                return f"{name}: {found}"
        return None
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return next((f"[{i}] {found}" for i, pair in enumerate(zip(wanted, got)) if (found := difference(*pair))), None)
    return None if wanted == got and isinstance(wanted, bool) == isinstance(got, bool) else f"{got!r}, not {wanted!r}"


def whole(wanted: Any, got: Any) -> str | None:
    """Outcomes of a script have exactly the members that are listed."""
    for index, (left, right) in enumerate(zip(wanted, got)):
        extra = set(right) - set(left)
        if extra:
            return f"step {index} also has {', '.join(sorted(extra))}: {[right[name] for name in extra]}"
    return None


def ask(op: str, given: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = answer(read_line(write_line({"n": 0, "op": op, "input": given})))["result"]
    return result


def verdict(vector: Vector) -> str | None:
    got = ask(vector.op, vector.input)
    found = difference(vector.result, got) or whole(vector.result.get("steps", []), got.get("steps", []))
    if found or not vector.then:
        return found
    then = vector.then
    return difference(then["result"], ask(then["op"], {**then["input"], "message": got["message"]}))


def main() -> int:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = skipped = 0
    for vector in vectors(Expander(read("keys.json")["keys"])):
        if part not in vector.id:
            continue
        if vector.op not in OPERATIONS:
            skipped += 1
            continue
        found = verdict(vector)
        passed += not found
        failed += bool(found)
        if found:
            print(f"✗ {vector.id}: {found}")
    print(f"{passed} passed, {failed} failed, {skipped} of other operations")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
