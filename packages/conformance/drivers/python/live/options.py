"""The options that client and server share."""

import argparse
from collections.abc import Callable
from typing import Any

from sealwire.limits import DEFAULTS

WIRES = {"text": "sealwire.v1.text", "binary": "sealwire.v1.cbor"}


def _echo(data: Any) -> Any:
    return data


def _fail(_: Any) -> Any:
    raise RuntimeError("this handler fails")


HANDLERS: dict[str, Callable[[Any], Any]] = {"echo": _echo, "fail": _fail}


def _list(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _limit(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if name not in DEFAULTS:
        raise argparse.ArgumentTypeError(f"no limit {name}")
    return name, int(value)


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Lists in order of preference, separated by commas; and which topics are admitted."""
    parser.add_argument("--wire", type=_list, default=["binary", "text"])
    parser.add_argument("--suite", type=_list, default=["x25519", "p256"])
    parser.add_argument("--level", type=_list, default=["aead", "nest", "sig", "mac"])
    parser.add_argument("--codec", type=_list, default=["json", "cbor"])
    parser.add_argument("--order", choices=("strict", "window"), default="strict")
    parser.add_argument("--limit", type=_limit, action="append", default=[], help="NAME=VALUE, by names of the registry")
    parser.add_argument("--allow", type=_list, default=["echo", "say"], help="topics that the peer may use")
    parser.add_argument("--echo", type=_list, default=["echo"], help="topics whose requests get their data back")


def profile(given: argparse.Namespace) -> dict[str, list[str]]:
    return {
        "prt": [WIRES[wire] for wire in given.wire],
        "st": given.suite,
        "lvl": given.level,
        "cod": given.codec,
    }
