"""Control messages and message ids (lifecycle.md, sections 2 and 8): members, direction, keys."""

import json
import unittest
from typing import Any

from generate import private_key
from sealwire.b64 import encode
from sealwire.codec import encode as encode_claims
from sealwire.claims import Outgoing, read_application, write_application
from sealwire.control import Control, read_control, write_control
from sealwire.errors import CallerError, Refused
from sealwire.keys import public
from tests.pair import CURVES, message_id

EPK = public(private_key("control epk", CURVES["p256"]))


class Messages(unittest.TestCase):
    def refused(self, code: str, claims: dict[str, Any], *more: str | None) -> None:
        with self.assertRaises(Refused) as caught:
            read_control(json.dumps(claims).encode(), *more)
        self.assertEqual((caught.exception.code, caught.exception.step), (code, "claims"))

    def test_each_comes_back_as_it_went(self) -> None:
        for message in (
            Control(1, "rekey", 0, n=1, epk=EPK),
            Control(1, "rekeyed", 0, n=1, epk=EPK, ref=4),
            Control(1, "ack", 7),
            Control(1, "auth", 7, at="token"),
            Control(1, "auth-ok", 7, ref=2, exp=9, scp=["a"]),
            Control(1, "auth-no", 7, ref=2),
            Control(1, "auth-soon", 7),
            Control(0, "resumed", 7, exp=9, scp=[]),
            Control(0, "resumed", 7),
            Control(3, "void"),
        ):
            self.assertEqual(read_control(write_control(message)), message)
        written = write_control(Control(1, "rekeyed", 0, n=1, epk=EPK, ref=4))
        self.assertEqual(list(json.loads(written)), ["seq", "top", "n", "epk", "ref", "rcv"])

    def test_missing_and_wrong_members(self) -> None:
        whole: dict[str, dict[str, Any]] = {
            "rekeyed": {"n": 1, "epk": EPK, "ref": 1},
            "auth": {"at": "x"},
            "auth-ok": {"ref": 1, "exp": 1, "scp": []},
            "resumed": {"exp": 1, "scp": []},
        }
        for top, members in whole.items():
            for name in [*members, "rcv"]:
                claims = {"seq": 1, "top": top, **members, "rcv": 0}
                read_control(json.dumps(claims).encode())
                self.refused("E_CLAIMS", {key: value for key, value in claims.items() if key != name})
                self.refused("E_CLAIMS", claims | {name: None})
        self.refused("E_CLAIMS", {"seq": 1, "top": "rekey", "n": 0, "epk": EPK, "rcv": 0})

    def test_void_has_nothing_else(self) -> None:
        for name in ("n", "epk", "at", "code", "ref", "exp", "scp", "rcv"):
            self.refused("E_CLAIMS", {"seq": 1, "top": "void", name: 1})
        self.assertEqual(read_control(b'{"seq":1,"top":"void","other":1}'), Control(1, "void"))

    def test_direction(self) -> None:
        self.refused("E_CLAIMS", {"seq": 1, "top": "auth", "at": "x", "rcv": 0}, "server")
        for top, members in (("auth-ok", {"ref": 1, "exp": 1, "scp": []}), ("auth-no", {"ref": 1}), ("auth-soon", {})):
            self.refused("E_CLAIMS", {"seq": 1, "top": top, **members, "rcv": 0}, "client")
        self.refused("E_CLAIMS", {"seq": 0, "top": "resumed", "rcv": 0}, "server")
        self.assertIsNone(read_control(b'{"seq":0,"top":"resumed","rcv":0,"exp":"x"}', "client").exp)

    def test_key_of_a_rekey(self) -> None:
        claims = {"seq": 1, "top": "rekey", "n": 1, "rcv": 0}
        self.refused("E_CLAIMS", claims | {"epk": EPK | {"alg": "x"}}, "client", "p256")
        self.refused("E_CLAIMS", claims | {"epk": EPK}, "client", "x25519")
        self.refused("E_KEY", claims | {"epk": EPK | {"x": encode(bytes(32))}}, "client", "p256")


class MessageIds(unittest.TestCase):
    def test_in_both_codecs(self) -> None:
        for codec in ("json", "cbor"):
            written = write_application(codec, Outgoing(1, 9, "say", 1, jti=message_id("a"), iat=8))
            self.assertEqual(read_application(codec, "aead", written).jti, message_id("a"))

    def test_what_it_does_not_stand_beside(self) -> None:
        with self.assertRaises(CallerError):
            write_application("json", Outgoing(1, 9, "say", 1, jti=message_id("a"), iat=8, req=True))
        claims = {"seq": 1, "jti": message_id("a"), "iat": 8, "exp": 9, "top": "say"}
        read_application("json", "aead", json.dumps(claims).encode())
        batch = {"seq": 1, "jti": message_id("a"), "iat": 8, "exp": 9, "bat": [["say", None, 1]]}
        for wrong in (claims | {"req": True}, claims | {"ref": 1}, batch, claims | {"jti": "short"}):
            with self.assertRaises(Refused):
                read_application("json", "aead", json.dumps(wrong).encode())

    def test_it_needs_iat(self) -> None:
        """[idem:iat]"""
        with self.assertRaises(CallerError):
            write_application("json", Outgoing(1, 9, "say", 1, jti=message_id("a")))
        for codec in ("json", "cbor"):
            data = encode_claims(codec, {"seq": 1, "jti": message_id("a"), "exp": 9, "top": "say"})
            with self.assertRaises(Refused) as caught:
                read_application(codec, "aead", data)
            self.assertEqual(caught.exception.code, "E_CLAIMS")


if __name__ == "__main__":
    unittest.main()
