package session

import (
	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// resumption is the attempt of a connection to take up a session.
type resumption struct {
	session   *session
	chain     kdf.Chain // that CH was made with
	own, peer int64     // the announced numbers
	epoch     *epoch
	opener    *message.Opener
	sealer    *message.Sealer
}

// derive makes the keys of the new connection, which wait for their confirmation.
func (c *conn) derive() {
	r := c.resuming
	s := r.session
	r.epoch = newEpoch(s, r.chain.Resume(c.z, c.th2), 0, c.now)
	r.epoch.open.ControlOnly, r.epoch.before = true, -1
	r.opener = s.newOpener(c, r.epoch, replay.First{})
	r.opener.First = true
	r.sealer = message.NewSealer(*s.newSealer(c), 0, r.epoch.seal)
}

// confirm sends the resumed of this end, which does not count for the limits of the keys.
func (r *resumption) confirm(c *conn, resumed *claims.Control) error {
	resumed.Top = "resumed"
	m, err := r.sealer.Control(resumed)
	if err != nil {
		return fault.New("E_INTERNAL", "local")
	}
	c.out.send(m)
	return nil
}

// onResumed verifies the confirmation of the peer; until then the session is as it was.
func (c *conn) onResumed(m wire.Message) error {
	r := c.resuming
	s := r.session
	r.opener.Sent, r.opener.Rcv = s.seq, s.opener.Rcv
	if c.client {
		r.opener.Rcv = r.peer
	}
	f, err := c.read(m, c.limit("messageBytes"))
	if err != nil {
		return err
	}
	if c.client && f.Form == wire.Bare {
		return serverError(f)
	}
	in, err := r.opener.Open(m)
	if err != nil {
		return err
	}
	if !c.client && in.Control.Rcv != r.peer {
		return fault.New("E_SEQ", "claims")
	}
	if s.state == closed || !c.client && !s.holds(r.chain) {
		return fault.New("E_RESUME", "session")
	}
	if err := s.takeUp(c, in); err != nil {
		s.fail(err)
	}
	return nil
}

// supersede closes a connection that the session leaves.
func (c *conn) supersede() {
	c.state = closed
	c.out.superseded = append(value.Object{member("conn", c.number)}, closeOut(4409)...)
}

// leaves stops the client's connection, or attempt, before this one.
func (c *conn) leaves() {
	for _, other := range c.conns {
		if other == c || other.state == closed {
			continue
		}
		other.supersede()
		if other.carried != nil {
			other.carried.gone()
		}
	}
}

// takeUp goes on with the session on a connection that is confirmed.
func (s *session) takeUp(c *conn, in *message.Opened) error {
	r, old := c.resuming, s.conn
	s.delivered = s.committed()
	if old != nil {
		old.supersede()
	}
	if s.client {
		s.offset = c.offset
	} else {
		s.chains = []kdf.Chain{r.epoch.chain}
		s.resumes.units = s.resumesLeft() - 1
	}
	s.enter(c, r.epoch, &replay.Strict{Last: uint64(r.own)})
	e := r.epoch
	e.open.ControlOnly, e.since, e.before = false, s.now, r.own
	s.forgetsBefore(e)
	s.state, s.heard, s.pinged, s.renewal, s.asked = open, s.now, s.now, renewal{}, 0
	s.pings, s.budget.voids = map[int64]bool{}, 2*s.limit("retainedMessages")
	s.owed = owed{}
	s.out.resumed = value.Object{member("rcv", int64(s.delivered)), member("peer", r.peer)}
	if s.client {
		s.grant.exp, s.grant.scp = *in.Control.Exp, in.Control.Scp
	} else {
		exp := s.grant.exp
		if err := r.confirm(c, &claims.Control{Exp: &exp, Scp: s.grant.scp, Rcv: int64(s.delivered)}); err != nil {
			return err
		}
	}
	s.opener.Rcv = in.Control.Rcv
	s.acknowledged(in.Control.Rcv)
	if err := s.again(r.peer); err != nil {
		return err
	}
	return s.duties()
}
