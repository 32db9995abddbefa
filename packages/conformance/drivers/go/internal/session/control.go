package session

import (
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/message"
)

// bucket is what is left of a budget, and when that was so.
type bucket struct {
	units float64
	at    int64
}

// budget is the bucket of inbound control messages, and what is free besides.
type budget struct {
	bucket
	acks  int64 // that were free
	voids int64 // that are still free
}

func (s *session) onControl(in *message.Opened) error {
	c := in.Control
	if !s.free(c) {
		b := &s.budget
		b.units = min(float64(s.limit("controlBurst")), b.units+float64((s.now-b.at)*s.limit("controlPerSecond")))
		b.at = s.now
		if b.units < 1 {
			return fault.New("E_QUOTA", "rate")
		}
		b.units--
	}
	if c.Top != "void" {
		if s.ring == nil {
			s.opener.Rcv = c.Rcv
		}
		s.acknowledged(c.Rcv)
	}
	switch c.Top {
	case "err":
		s.onErr(c)
	case "ping":
		if !s.ownBye {
			return s.control(claims.Control{Top: "pong", Ref: &claims.Ref{Seq: c.Seq}})
		}
	case "pong":
		delete(s.pings, c.Ref.Seq)
	case "bye":
		s.onBye(c)
	case "rekey":
		return s.onRekey(in)
	case "rekeyed":
		return s.onRekeyed(in)
	case "auth":
		return s.onAuth(c)
	case "auth-ok":
		s.onGranted(c)
	case "auth-no":
		s.asked, s.out.notRefreshed = 0, true
	case "auth-soon":
		s.out.soon = true
	}
	return nil
}

// free are the first pong to each ping, the first err to each item, an ack to each message, and voids after a resume.
func (s *session) free(c *claims.Control) bool {
	switch c.Top {
	case "pong":
		return s.pings[c.Ref.Seq]
	case "err":
		return slices.ContainsFunc(s.named(c.Ref), func(at place) bool {
			_, waits := s.requests[at]
			return waits || s.oneWay[at]
		})
	case "ack":
		s.budget.acks++
		return s.budget.acks <= s.applications
	case "void":
		s.budget.voids--
		return s.budget.voids >= 0
	}
	return false
}

func (s *session) onErr(c *claims.Control) {
	for _, at := range s.named(c.Ref) {
		if _, waits := s.requests[at]; waits {
			s.settle(at, member("error", c.Code))
		} else if _, sent := s.oneWay[at]; sent {
			s.oneWay[at] = false
			s.out.denied = append(s.out.denied, append(at.out(), member("error", c.Code)))
		}
	}
}

func (s *session) onBye(c *claims.Control) {
	s.peerBye, s.byeSeq = true, uint64(c.Seq)
	if c.Code != "" && c.Code != "normal" {
		s.peerError = fromPeer{fault.New(fault.Claimed[c.Code], "local"), c.Code}
	}
	if s.ownBye {
		s.endInOrder()
		return
	}
	s.sendBye("")
	s.state = closing
}
