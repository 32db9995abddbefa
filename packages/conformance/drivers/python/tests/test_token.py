"""Access tokens that try to break their reader: each is E_TOKEN, and none an error of ours."""

import json
import unittest
from typing import Any

from generate import private_key
from sealwire import b64, jose
from sealwire.errors import Refused
from sealwire.keys import public
from sealwire.token import Issuer, has_bound_key, verify_token

KEY = private_key("test issuer", {"kty": "EC", "crv": "P-256", "alg": "ES256"})
UNKNOWN = {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}
ISSUER = Issuer("https://issuer.example", "server", [UNKNOWN, public(KEY)])
CLAIMS = {"iss": "https://issuer.example", "aud": "server", "sub": "alice", "exp": 2000}


def signed(payload: str, **header: Any) -> str:
    return jose.sign({"alg": "ES256", "typ": "at+jwt", **header}, payload.encode(), jose.import_key(KEY))


class Tokens(unittest.TestCase):
    def refused(self, token: str) -> None:
        with self.assertRaises(Refused) as caught:
            verify_token(token, [ISSUER], 1000)
        self.assertEqual((caught.exception.code, caught.exception.step), ("E_TOKEN", "claims"))

    def test_a_key_of_an_unknown_kind_in_the_set_does_no_harm(self) -> None:
        self.assertEqual(verify_token(signed(json.dumps(CLAIMS)), [ISSUER], 1000).sub, "alice")

    def test_numbers_that_are_no_dates(self) -> None:
        for exp in ("Infinity", "NaN", "1e999", '"2000"', "true", "null"):
            self.refused(signed(json.dumps(CLAIMS).replace("2000", exp)))

    def test_deep_nesting(self) -> None:
        deep = b64.encode(b"[" * 5000)
        self.refused(f"{b64.encode(b'{}')}.{deep}.")
        self.assertFalse(has_bound_key(f"a.{deep}.b"))

    def test_shapes(self) -> None:
        for token in ("", "a.b", "..", "é.é.é", signed("[]"), signed("1"), signed("{}"), "x" * 9000):
            self.refused(token)


if __name__ == "__main__":
    unittest.main()
