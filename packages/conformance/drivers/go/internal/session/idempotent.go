package session

import (
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/wire"
)

// adopt sends the idempotent messages of the sessions before this one, as long as they live and the subject is the same; in window order there are none.
func (s *session) adopt() {
	if s.ring != nil {
		return
	}
	messages := s.outlived
	s.outlived = nil
	for _, m := range messages {
		if s.serverTime() >= m.claims.Exp || m.sub != s.grant.sub {
			continue
		}
		// A server whose clock is behind the one before would take it for one that was never sent [idem:ahead].
		if m.sealed && *m.claims.Iat > s.helloAt {
			continue
		}
		again := &sent{claims: claims.Application{Jti: m.claims.Jti, Exp: m.claims.Exp, Items: m.claims.Items}, sealed: m.sealed}
		if m.sealed {
			again.claims.Iat = m.claims.Iat
		}
		// What the new session cannot carry is left out, as if its application had been refused.
		if s.prepare(again) != nil {
			continue
		}
		if s.full() || len(s.queue) > 0 {
			s.queue = append(s.queue, again)
		} else if err := s.number(again); err != nil {
			s.fail(err)
			return
		}
	}
}

// remember inserts a message that can come again in another session into the replay store; code is empty for a new one.
func (s *session) remember(a *claims.Application) (code string) {
	if s.storeDown {
		return "E_REPLAY_STORE"
	}
	if slices.Contains(s.held, a.Jti) {
		return "E_REPLAY"
	}
	id := s.peer
	if s.peerKey == nil {
		id = wire.Encode(kdf.TH("bearer", []byte(s.grant.token.Iss), []byte(s.grant.sub)))
	}
	return s.seen.Insert(s.now, replay.Envelope{Receiver: s.serverID, Iss: id, Jti: a.Jti, Iat: *a.Iat, Exp: a.Exp, Fresh: *a.Iat > s.helloAt})
}
