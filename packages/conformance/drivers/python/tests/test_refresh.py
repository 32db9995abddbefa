"""Refresh and revocation (lifecycle.md, sections 4 and 5)."""

import unittest

from sealwire.outcome import Outcome, Refreshed
from sealwire.revocation import Revocation
from sealwire.token import verify_token
from tests.pair import ISSUER, NOW, Pair, access_token


class Refresh(unittest.TestCase):
    def refresh(self, pair: Pair, token: str) -> Outcome:
        pair.c(pair.client.auth(token))
        answer = pair.carry_to_server()
        pair.settle()
        return answer

    def test_replaces_scopes_and_end(self) -> None:
        pair = Pair().open()
        outcome = self.refresh(pair, access_token(exp=NOW + 900, scope="a b"))
        self.assertEqual(outcome.refreshed, Refreshed(["a", "b"], NOW + 900))
        self.assertIn(outcome.refreshed, [outcome.refreshed for outcome in pair.of_client])
        for end in (pair.client, pair.server):
            assert end.session is not None
            self.assertEqual((end.session.end, end.session.scopes), (NOW + 900, ["a", "b"]))

    def test_another_subject_client_or_class_is_refused(self) -> None:
        pair = Pair(token=access_token(client_id="app")).open()
        for token in (
            access_token(sub="bob", client_id="app"),
            access_token(),
            access_token(bound=True, client_id="app"),
            access_token(client_id="app", exp=NOW),
            "nonsense",
        ):
            self.assertTrue(self.refresh(pair, token).not_refreshed)
        accepted = self.refresh(pair, access_token(client_id="app", exp=NOW + 700))
        self.assertEqual(accepted.refreshed, Refreshed(["chat.say"], NOW + 700))

    def test_one_at_a_time(self) -> None:
        pair = Pair().open()
        self.assertEqual(len(pair.c(pair.client.auth(access_token())).emit), 1)
        self.assertEqual(pair.c(pair.client.auth(access_token())).emit, [])
        pair.settle()
        self.assertEqual(len(pair.c(pair.client.auth(access_token())).emit), 1)

    def test_a_lost_scope_counts_at_once(self) -> None:
        """Interleaving 9.7."""
        pair = Pair().open()
        pair.server.session.policy.scopes = {"say": "chat.say"}  # type: ignore[union-attr]
        pair.c(pair.client.send("say", "old"))
        pair.c(pair.client.auth(access_token(scope="chat.read")))
        pair.c(pair.client.send("say", "new"))
        pair.settle()
        self.assertEqual(pair.delivered(), ["old"])
        self.assertEqual(pair.s(pair.server.send("say", 1)).thrown, "E_DENIED")

    def test_reminder(self) -> None:
        pair = Pair(limits={"idleSeconds": 1000}).open()
        pair.tick(539)
        pair.settle()
        self.assertFalse(any(outcome.soon for outcome in pair.of_client))
        pair.tick(1)
        pair.settle()
        self.assertEqual(sum(outcome.soon for outcome in pair.of_client), 1)

    def test_revocations(self) -> None:
        token = access_token(jti="t1", iat=NOW)
        for by, ends in (
            (Revocation(token_id="t1", issuer=ISSUER), True),
            (Revocation(token_id="t2", issuer=ISSUER), False),
            (Revocation(subject="alice", issuer=ISSUER, issued_before=NOW + 1), True),
            (Revocation(subject="alice", issuer=ISSUER, issued_before=NOW), False),
            (Revocation(subject="alice", issuer=ISSUER), True),
            (Revocation(subject="alice", issuer="https://other.example", issued_before=NOW + 1), False),
        ):
            with self.subTest(by=by):
                pair = Pair(token=token, res=60).open()
                outcome = pair.s(pair.server.revoke(by))
                self.assertEqual(outcome.state, "closed" if ends else "open")
                if not ends:
                    continue
                assert outcome.close is not None
                self.assertEqual((outcome.close.code, outcome.close.reason), (4403, "revoked"))
                pair.carry_to_client()
                pair.c(pair.client.drop())
                self.assertEqual(pair.client.state, "closed")
                pair.to_server.clear()
                pair.connect()
                pair.settle()
                failed = [outcome.failed for outcome in pair.of_server if outcome.failed]
                self.assertEqual([each.error and each.error.error for each in failed], ["E_TOKEN"])

    def test_a_subject_revoked_without_a_time_gets_new_tokens_once_no_clock_can_be_so_far_ahead(self) -> None:
        pair = Pair(token=access_token(iat=NOW)).open()
        pair.s(pair.server.revoke(Revocation(subject="alice", issuer=ISSUER)))
        revocations = pair.server.settings.revocations
        for iat, covered in ((NOW + 30, True), (NOW + 31, False), (None, True)):
            token = access_token() if iat is None else access_token(iat=iat)
            access = verify_token(token, list(pair.server.settings.issuers), NOW + 1)
            self.assertEqual(revocations.cover(token, access), covered)

    def test_a_reminder_without_a_connection_is_not_sent(self) -> None:
        pair = Pair(limits={"idleSeconds": 1000}, res=120).open()
        pair.tick(530)
        pair.cut()
        pair.tick(20)
        pair.connect(resume=0)
        pair.settle()
        pair.tick(1)
        pair.settle()
        self.assertEqual((pair.client.state, [each.soon for each in pair.of_client if each.soon]), ("open", []))

    def test_an_answer_that_is_lost_is_not_awaited(self) -> None:
        """[refresh:lost]: what became of the token is said by `resumed`."""
        pair = Pair(res=60).open()
        pair.c(pair.client.auth(access_token(scope="other", exp=NOW + 900)))
        pair.carry_to_server()
        pair.cut()
        pair.connect(resume=0)
        pair.settle()
        assert pair.client.session is not None
        self.assertEqual((pair.client.session.scopes, pair.client.session.end), (["other"], NOW + 900))
        self.assertEqual(len(pair.c(pair.client.auth(access_token())).emit), 1)
        pair.settle()
        self.assertEqual(pair.client.session.scopes, ["chat.say"])

    def test_a_revoked_session_is_not_resumed(self) -> None:
        pair = Pair(res=60).open()
        pair.cut()
        assert pair.server.session is not None
        outcome = pair.server.revoke(Revocation(session=pair.server.session.sid))
        self.assertEqual((outcome.state, outcome.close), ("closed", None))
        pair.connect(resume=0)
        refused = pair.carry_to_server()
        assert refused.failed is not None and refused.failed.close is not None
        self.assertEqual(refused.failed.close.code, 4504)


if __name__ == "__main__":
    unittest.main()
