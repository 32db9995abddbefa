package session

import (
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/message"
)

// renewal is a rekey that is under way.
type renewal struct {
	own      *proposal
	awaiting bool // the peer's first message under the new keys
	since    int64
	answered uint64 // the epoch that the last own proposal brought
}

type proposal struct {
	n         uint64
	seq       int64
	key       *jose.Private
	plaintext []byte
	at        int64
}

// renew proposes new keys, unless a rekey is under way or there is nobody to propose them to.
func (s *session) renew() {
	if s.state == open && s.renewal.own == nil && !s.renewal.awaiting {
		s.must(s.propose())
	}
}

func (s *session) renewIfUsedUp() error {
	if s.state != open || s.renewal.own != nil || s.renewal.awaiting || !s.usedUp() {
		return nil
	}
	return s.propose()
}

func (s *session) propose() error {
	s.forgetOld()
	key := s.draw().ephemeral[s.agreed.suite]
	p := &proposal{n: s.sending.n + 1, seq: s.seq + 1, key: key, at: s.now}
	var err error
	p.plaintext, err = s.sendControl(&claims.Control{Top: "rekey", N: int64(p.n), Epk: key.JWK})
	s.renewal.own = p
	return err
}

// rekeyState does the refusals of step commit that concern a rekey.
func (s *session) rekeyState(in *message.Opened) error {
	c := in.Control
	wrong := fault.New("E_STATE", "commit")
	next := int64(s.sending.n+1) == c.N && int64(s.receives+1) == c.N
	switch {
	case s.opener.Switching && in.Epoch.N == s.sending.n && c.Top != "ack":
		return wrong
	case c.Top == "rekey":
		if !next && !s.ignores(c) {
			return wrong
		}
	case c.Top == "rekeyed":
		p := s.renewal.own
		if p == nil || !next || c.Ref.Seq != p.seq {
			return wrong
		}
	}
	return nil
}

// ignores tells whether a server passes over a proposal of the client, since its own is or was the one that counts.
func (s *session) ignores(c *claims.Control) bool {
	if s.client {
		return false
	}
	return s.renewal.own != nil || s.ring != nil && s.renewal.answered != 0 && c.N == int64(s.renewal.answered)
}

// onRekey answers a proposal.
func (s *session) onRekey(in *message.Opened) error {
	if s.ownBye || s.ignores(in.Control) {
		return nil
	}
	s.renewal.own = nil
	s.forgetOld()
	key := s.draw().ephemeral[s.agreed.suite]
	c := in.Control
	plaintext, err := s.sendControl(&claims.Control{Top: "rekeyed", N: c.N, Epk: key.JWK, Ref: &claims.Ref{Seq: c.Seq}})
	if err != nil {
		return err
	}
	schedule, err := s.schedule(key, c, in.Body, plaintext)
	if err != nil {
		return err
	}
	return s.advance(newEpoch(s, schedule, uint64(c.N), s.now))
}

// onRekeyed takes up the keys of the own proposal.
func (s *session) onRekeyed(in *message.Opened) error {
	p, c := s.renewal.own, in.Control
	s.renewal.own = nil
	schedule, err := s.schedule(p.key, c, p.plaintext, in.Body)
	if err != nil {
		return err
	}
	e := newEpoch(s, schedule, p.n, s.now)
	e.before = c.Seq
	s.renewal.answered, s.receives = p.n, p.n
	if s.ring == nil {
		s.receiving = nil
	} else {
		s.receiving[0].open.Before = uint64(c.Seq) + 1
	}
	return s.advance(e)
}

func (s *session) schedule(own *jose.Private, c *claims.Control, rekey, rekeyed []byte) (kdf.Schedule, error) {
	peer, err := jose.Point(c.Epk)
	if err != nil {
		return kdf.Schedule{}, fault.New("E_KEY", "claims")
	}
	z, err := own.Agree(peer)
	if err != nil {
		return kdf.Schedule{}, fault.New("E_KEY", "claims")
	}
	return s.sending.chain.Rekey(z, rekey, rekeyed), nil
}

// advance seals under new keys from here on, and waits for the peer to do so.
func (s *session) advance(e *epoch) error {
	s.chains = slices.Insert(s.chains, 0, e.chain)
	s.seals(e)
	s.takes(append(s.receiving, e)...)
	s.renewal.awaiting, s.renewal.since = true, s.now
	if s.ring == nil {
		e.open.ControlOnly, s.opener.Switching = true, true
	}
	if s.ownBye {
		return nil
	}
	return s.control(claims.Control{Top: "ack"})
}

// switches leaves the keys before those under which a message came.
func (s *session) switches(e *epoch) {
	if e.n != s.sending.n {
		return
	}
	s.renewal.awaiting, s.receives = false, e.n
	if s.ring == nil {
		if s.opener.Switching {
			e.open.ControlOnly, s.opener.Switching = false, false
			s.takes(e)
		}
		return
	}
	if old := s.receiving[0]; old != e {
		if low := uint64(e.before) + 1; old.open.Before == 0 || low < old.open.Before {
			old.open.Before = low
		}
		if s.ring.Top() >= old.open.Before+uint64(s.limit("replayWindow")) {
			s.forgetOld()
		}
	}
}

// forgetOld deletes the keys of the epoch before in window order.
func (s *session) forgetOld() {
	if s.ring != nil && len(s.receiving) > 1 {
		s.takes(s.receiving[len(s.receiving)-1])
	}
}
