"""Checks the CDDL of specs/envelope.md with existing validators: `build/venv/bin/python cddl.py`.

The grammar is read out of the document. Frames of the vectors that are accepted have to match `frame`; frames that are refused
for their grammar have to fail. Claims in codec `cbor` that are accepted, in messages or alone, have to match `message`.
What a validator sees is one decoded item, so that the form of heads, trailing bytes and tags (which zcbor strips) are left to framing.json, and
what the grammar does not say, that `jti` stands beside `iat` and beside neither `bat`, `ref` nor `req`, to claims.json.

Two validators, since neither does both: zcbor is exact about frames and knows no recursive types; pycddl knows those.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import cbor2
import pycddl
from zcbor import DataTranslator

from sealwire.cborscan import ARRAY, BYTES, KNOWN_CLAIMS, MAP, TAG, TEXT, read_head
from sealwire_driver.messages import open_message
from vector_files import Expander, Vector, read, vectors

ENVELOPE = Path(__file__).resolve().parents[4] / "specs" / "envelope.md"


def grammar(root: str) -> str:
    blocks: list[str] = re.findall(r"```cddl\n(.*?)```", ENVELOPE.read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if re.match(rf"{root}\s*=", block))


def is_plain(data: bytes) -> bool:
    """One item without tags and in shortest form: what is wrong with it, if anything, is its grammar."""
    try:
        return _skip(data, 0) == len(data)
    except ValueError:
        return False


def _skip(data: bytes, at: int) -> int:
    head = read_head(data, at)
    if not head.shortest or head.major == TAG:
        raise ValueError("not in shortest form, or a tag")
    if head.major in (BYTES, TEXT):
        return head.end + head.argument
    at = head.end
    for _ in range(head.argument * (2 if head.major == MAP else 1) if head.major in (ARRAY, MAP) else 0):
        at = _skip(data, at)
    return at


def binary(vector: Vector) -> bytes | None:
    message = vector.input.get("message")
    if vector.op not in ("frame.decode", "message.open") or vector.input["wire"] != "binary":
        return None
    return bytes.fromhex(message["binary"]) if message and "binary" in message else None


def matches_frame(text: str, data: bytes) -> bool:
    """zcbor keeps the errors of a translator and prints them all, so that each frame has a translator of its own."""
    frame = DataTranslator.from_cddl(text, 16).my_types["frame"]
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            frame.validate_str(data)
        return True
    except Exception:  # the validator raises many kinds
        return False


def check_frames(all_vectors: list[Vector]) -> Iterator[tuple[str, bool]]:
    text = grammar("frame")
    for vector in all_vectors:
        data = binary(vector)
        if data is None or (not vector.result["ok"] and not is_plain(data)):
            continue
        refused_as_frame = vector.result.get("error") == "E_CBOR"
        if not vector.result["ok"] and not refused_as_frame:
            continue
        yield vector.id, matches_frame(text, data) != refused_as_frame


def claims_of(vector: Vector) -> bytes | None:
    """The claims of an accepted application message in codec `cbor`; None in every other vector."""
    given = vector.input
    if not vector.result["ok"] or given.get("codec") != "cbor":
        return None
    if vector.op == "claims.read" and given["kind"] == "application":
        return bytes.fromhex(given["bytes"])
    opened = open_message(given) if vector.op == "message.open" else None
    return None if opened is None or opened.is_control else opened.claims


def is_readable(claims: bytes) -> bool:
    """pycddl takes no map as value of `* tstr =>`, and no item of a batch that is not the first alternative of the grammar."""
    members = cbor2.loads(claims)
    unknown = {name: value for name, value in members.items() if name not in {*KNOWN_CLAIMS, "dat"}}
    plain = all(len(item) == 3 and not isinstance(item[1], int) for item in members.get("bat", []))
    return plain and not any(isinstance(value, dict) for value in unknown.values())


def check_claims(all_vectors: list[Vector]) -> Iterator[tuple[str, bool]]:
    message = pycddl.Schema(grammar("message"))
    for vector in all_vectors:
        claims = claims_of(vector)
        if claims is None or not is_readable(claims):
            continue
        try:
            message.validate_cbor(claims)
            yield vector.id, True
        except pycddl.ValidationError:
            yield vector.id, False


def main() -> int:
    all_vectors = list(vectors(Expander(read("keys.json")["keys"])))
    failed = False
    for name, results in (("frame", check_frames(all_vectors)), ("message", check_claims(all_vectors))):
        verdicts = list(results)
        wrong = [vector_id for vector_id, right in verdicts if not right]
        for vector_id in wrong:
            print(f"✗ {name}: {vector_id}")
        print(f"{name}: {len(verdicts)} checked, {len(wrong)} against the CDDL")
        failed |= bool(wrong) or not verdicts
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
