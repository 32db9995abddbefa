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
	next     *epoch // derived, while no message of the peer under it has come
	answered uint64 // the epoch that the last own proposal brought
}

type proposal struct {
	n         uint64
	seq       int64
	key       *jose.Private
	plaintext []byte
	at        int64
}

// done tells whether no rekey is under way.
func (r renewal) done() bool { return r.own == nil && r.next == nil }

// renew proposes new keys, unless a rekey is under way or there is nobody to propose them to.
func (s *session) renew() {
	if s.state == open && s.renewal.done() {
		s.must(s.propose())
	}
}

func (s *session) renewIfUsedUp() error {
	if s.state != open || !s.renewal.done() || !s.usedUp() {
		return nil
	}
	return s.propose()
}

func (s *session) propose() error {
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
	receives := max(s.receives, in.Epoch.N)
	next := int64(s.sending.n+1) == c.N && int64(receives+1) == c.N && int64(s.newest().n) < c.N
	switch {
	case s.opener.Switching && in.Epoch == s.renewal.next.open && c.Top != "ack":
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

// ignores tells whether a proposal is passed over: after the own bye; by a server, whose own is or was the one that counts.
func (s *session) ignores(c *claims.Control) bool {
	if s.state == closing {
		return true
	}
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
	e := newEpoch(s, schedule, uint64(c.N), s.now)
	s.derived(e)
	if s.ring != nil {
		return nil
	}
	return s.moves(e)
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
	s.derived(e)
	s.renewal.answered = p.n
	if s.ring == nil {
		s.receives, e.before = p.n, c.Seq
		s.takes(e)
	}
	return s.moves(e)
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

// derived holds the keys of the next epoch beside those of the current one, and no others.
func (s *session) derived(e *epoch) {
	if !s.ownBye {
		s.chains = slices.Insert(s.chains, 0, e.chain)
	}
	s.takes(s.newest(), e)
	s.renewal.next = e
	if s.ring == nil {
		e.open.ControlOnly, s.opener.Switching = true, true
	}
}

// moves seals under new keys from here on, the ack first; after a bye nothing is sealed.
func (s *session) moves(e *epoch) error {
	if s.seals(e); s.ownBye {
		return nil
	}
	return s.control(claims.Control{Top: "ack"})
}

// switches follows the peer to the keys under which a message came.
func (s *session) switches(e *epoch) error {
	first := e == s.renewal.next
	if first {
		s.renewal.next, s.receives = nil, e.n
	}
	if s.ring != nil {
		s.passes(e)
	} else if first {
		e.open.ControlOnly, s.opener.Switching = false, false
		s.takes(e)
	}
	if first && s.sending != e && !s.ownBye {
		return s.moves(e)
	}
	return nil
}

// passes lets the keys of the epoch before open, in window order, what is numbered below everything under the new ones,
// and deletes them when the window has left that behind.
func (s *session) passes(e *epoch) {
	old := s.receiving[0]
	if e != old {
		old.open.Before = uint64(e.before) + 1
	}
	if low := old.open.Before; low != 0 && s.ring.Top() >= low+uint64(s.limit("replayWindow")) {
		s.takes(s.newest())
	}
}
