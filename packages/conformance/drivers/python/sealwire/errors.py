"""Error codes (envelope.md, section 10) and close codes (session.md, section 14)."""

from dataclasses import dataclass


class Refused(Exception):
    """A message, key or call was refused: one code, in one step."""

    def __init__(self, code: str, step: str) -> None:
        super().__init__(f"{code} in step {step}")
        self.code = code
        self.step = step


class Unauthorized(Refused):
    """Whatever is wrong with a decrypted CA, the peer learns one name."""


class CallerError(Exception):
    """A mistake of the calling program: the TypeError of the specification."""


@dataclass(frozen=True)
class Info:
    steps: tuple[str, ...]
    fatal: bool
    close: int | None


def _row(steps: str, close: int | None, fatal: bool = True) -> Info:
    return Info(tuple(steps.split()), fatal, close)


ERRORS: dict[str, Info] = {
    "E_FRAME": _row("frame", 4400),
    "E_TOO_BIG": _row("frame", 1009),
    "E_MALFORMED": _row("encoding inner", 4400),
    "E_CBOR": _row("encoding", 4400),
    "E_B64": _row("encoding inner", 4400),
    "E_HEADER": _row("header", 4400),
    "E_TYP": _row("header", 4400),
    "E_ALG": _row("header", 4400),
    "E_CTY": _row("header", 4400),
    "E_KEY": _row("header claims", 4501),
    "E_IV": _row("sequence", 4501),
    "E_SEQ": _row("sequence claims", 4502),
    "E_REPLAY": _row("sequence claims deliver", 4502),
    "E_CRYPTO": _row("crypto inner", 4501),
    "E_SIG_SERVER": _row("crypto", 4501),
    "E_CLAIMS": _row("claims", 4400),
    "E_BINDING": _row("claims", 4501),
    "E_TRANSCRIPT": _row("claims", 4501),
    "E_STATE": _row("commit header", 4400),
    "E_EXPIRED": _row("time", None, False),
    "E_FUTURE": _row("time claims", None, False),
    "E_TTL": _row("time", None, False),
    "E_SESSION_EXPIRED": _row("session claims", 4510),
    "E_REVOKED": _row("session", 4403),
    "E_RATE": _row("rate", None, False),
    "E_QUOTA": _row("commit rate", 4529),
    "E_DENIED": _row("authorize", None, False),
    "E_REPLAY_STORE": _row("deliver", None, False),
    "E_NO_HANDLER": _row("deliver", None, False),
    "E_HANDLER": _row("deliver", None, False),
    "E_INVALID": _row("deliver", None, False),
    "E_ORIGIN": _row("local", 3003),
    "E_FORBIDDEN": _row("claims", 3003),
    "E_AUTH_REQUIRED": _row("local", 3000),
    "E_TOKEN": _row("claims", 3000),
    "E_POP": _row("claims", 3000),
    "E_NEGOTIATE": _row("claims", 4406),
    "E_DOWNGRADE": _row("claims", 4406),
    "E_TIMEOUT_HS": _row("local", 3008),
    "E_IDLE": _row("local", 3008),
    "E_BUSY": _row("local", 1013),
    "E_INTERNAL": _row("local", 1011),
    "E_RESUME": _row("header session", 4504),
    "E_KEY_LIMIT": _row("commit", 4508),
    "E_SUPERSEDED": _row("session", 4409),
    "E_DEPENDENCY": _row("local", None, False),
    "E_TIMEOUT": _row("local", None, False),
    "E_CLOSED": _row("local", None),
    "E_TRUNCATED": _row("local", None),
    "E_QUEUE_FULL": _row("local", None, False),
}

# Close code, coarse name, and the error an end reports when the peer says that name (registry/close-codes.json).
CLOSES: tuple[tuple[int, str, str], ...] = (
    (1000, "normal", "E_CLOSED"),
    (1001, "away", "E_CLOSED"),
    (1012, "away", "E_CLOSED"),
    (1013, "busy", "E_BUSY"),
    (1009, "too-big", "E_TOO_BIG"),
    (1011, "internal", "E_INTERNAL"),
    (3000, "unauthorized", "E_AUTH_REQUIRED"),
    (3003, "forbidden", "E_FORBIDDEN"),
    (3008, "timeout", "E_TIMEOUT_HS"),
    (4400, "protocol", "E_MALFORMED"),
    (4403, "revoked", "E_REVOKED"),
    (4406, "negotiate", "E_NEGOTIATE"),
    (4409, "superseded", "E_SUPERSEDED"),
    (4501, "crypto", "E_CRYPTO"),
    (4502, "replay", "E_REPLAY"),
    (4504, "resume", "E_RESUME"),
    (4508, "key-limit", "E_KEY_LIMIT"),
    (4510, "expired", "E_SESSION_EXPIRED"),
    (4529, "quota", "E_QUOTA"),
)

COARSE_NAME: dict[int, str] = {code: name for code, name, _ in CLOSES}
PEER_ERROR: dict[str, str] = {name: error for _, name, error in CLOSES}
# Two codes share "away"; the one a client sees first is the one an end answers with.
CLOSE_OF_NAME: dict[str, int] = {name: code for code, name, _ in reversed(CLOSES)}


def close_of(refusal: Refused) -> int:
    """The close code of a fatal error; E_FUTURE closes in the handshake alone, with 4406."""
    if isinstance(refusal, Unauthorized):
        return 3000
    if (refusal.code, refusal.step) == ("E_FUTURE", "claims"):
        return 4406
    return ERRORS[refusal.code].close or 1000


def is_fatal(code: str, step: str) -> bool:
    """E_FUTURE in step claims ends a handshake, and E_REPLAY of a replay store (step deliver) ends nothing."""
    if code == "E_FUTURE":
        return step == "claims"
    return ERRORS[code].fatal
