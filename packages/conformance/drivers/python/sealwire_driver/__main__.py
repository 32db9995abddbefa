"""Answers the runner: one JSON line in, one JSON line out, until the input ends."""

import platform
import sys
from collections.abc import Callable
from importlib.metadata import version

from sealwire.errors import CallerError, Refused, is_fatal
from sealwire.replay import is_dropped_in_window

from . import basic, envelopes, messages, sessions
from .values import Input, Result, read_line, write_line

OPERATIONS: dict[str, Callable[[Input], Result]] = {
    **basic.OPERATIONS,
    **envelopes.OPERATIONS,
    **messages.OPERATIONS,
    **sessions.OPERATIONS,
}
LIBRARIES = ("joserfc", "cbor2", "cryptography")


def _is_fatal(request: Input, refusal: Refused) -> bool:
    """An envelope ends nothing, and window order passes over the first failures of some steps."""
    given = request["input"]
    if request["op"].startswith(("standalone.", "evidence.")) or given.get("kind") == "standalone":
        return False
    if given.get("order") == "window" and is_dropped_in_window(refusal):
        return False
    return is_fatal(refusal.code, refusal.step)


def answer(request: Input) -> Result:
    operation = OPERATIONS.get(request["op"])
    if operation is None:
        return {"n": request["n"], "unsupported": True}
    try:
        result = {"ok": True, **operation(request["input"])}
    except Refused as refusal:
        fatal = _is_fatal(request, refusal)
        result = {"ok": False, "error": refusal.code, "step": refusal.step, "fatal": fatal}
    except CallerError:
        result = {"ok": False, "error": "TypeError", "step": "local", "fatal": False}
    return {"n": request["n"], "result": result}


def main() -> None:
    hello = {
        "driver": "python",
        "language": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": {name: version(name) for name in LIBRARIES},
        "ops": sorted(OPERATIONS),
        "level": "L3",
    }
    print(write_line(hello), flush=True)
    for line in sys.stdin:
        if line.strip():
            print(write_line(answer(read_line(line))), flush=True)


if __name__ == "__main__":
    main()
