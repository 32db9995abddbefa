package session

import (
	"math"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
)

// event is something that falls due at a time of the local clock.
type event struct {
	at  int64
	run func()
}

// tick lets time pass, event by event.
func (e *Endpoint) tick(seconds int64) {
	until := e.now + seconds
	for {
		next := event{at: math.MaxInt64}
		for _, d := range e.deadlines() {
			if d.at < next.at {
				next = d
			}
		}
		if next.at > until {
			break
		}
		e.now = max(e.now, next.at)
		next.run()
	}
	e.now = until
}

// deadlines are what falls due, at one instant in the order in which it happens: the end of the session before everything
// else, then the ends of connections without a session.
func (e *Endpoint) deadlines() []event {
	list := []event{}
	s := e.session
	if s != nil && s.state != closed {
		list = s.ends()
	}
	for _, c := range e.conns {
		ends := func() { c.fail(fault.New("E_TIMEOUT_HS", "local")) }
		switch c.state {
		case waitCH:
			list = append(list, event{c.started + e.limit("clientHelloSeconds"), ends}, event{c.started + e.limit("handshakeSeconds"), ends})
		case waitCA, waitSH, waitSR, waitResumed:
			list = append(list, event{c.started + e.limit("handshakeSeconds"), ends})
		}
	}
	if s != nil && s.state != closed {
		list = append(list, s.dues()...)
	}
	return list
}

// ends are what ends the session or its connection.
func (s *session) ends() []event {
	ends := func(code, step string) func() {
		return func() { s.fail(fault.New(code, step)) }
	}
	expires := event{s.grant.exp - s.offset, ends("E_SESSION_EXPIRED", "session")}
	switch s.state {
	case lost:
		return []event{expires, {s.lostAt + s.agreed.res, ends("E_TRUNCATED", "local")}}
	case closing:
		return []event{{s.byeAt + s.limit("byeSeconds"), s.byeTimeout}}
	}
	list := []event{
		expires, {s.sending.since + s.limit("keySeconds"), ends("E_KEY_LIMIT", "commit")},
	}
	if p := s.renewal.own; p != nil {
		list = append(list, event{p.at + s.limit("rekeyWaitSeconds"), ends("E_TIMEOUT_HS", "local")})
	}
	if e := s.renewal.next; e != nil && s.ring == nil {
		list = append(list, event{e.since + s.limit("rekeyWaitSeconds"), ends("E_TIMEOUT_HS", "local")})
	}
	return append(list, event{s.heard + s.limit("idleSeconds"), ends("E_IDLE", "local")})
}

// dues are what falls due in a session that goes on.
func (s *session) dues() []event {
	list := []event{}
	for _, at := range s.waiting() {
		list = append(list, event{s.requests[at].until, func() { s.settle(at, member("error", "E_TIMEOUT")) }})
	}
	for _, m := range s.retained {
		list = append(list, event{m.claims.Exp - s.offset, func() { s.withdraws(m) }})
	}
	soon := event{s.grant.exp - s.limit("refreshSeconds"), s.soon}
	if s.state == lost && !s.soonDone {
		list = append(list, soon)
	}
	if s.state != open {
		return list
	}
	if s.resumable() && s.owed.messages > 0 {
		list = append(list, event{s.owed.since + s.limit("ackSeconds"), func() {
			s.must(s.control(claims.Control{Top: "ack"}))
			s.must(s.duties())
		}})
	}
	if !s.soonDone {
		list = append(list, soon)
	}
	if s.renewal.done() {
		list = append(list, event{s.renewsAt(), func() { s.must(s.propose()) }})
	}
	if s.client {
		return list
	}
	return append(list, event{s.pinged + s.limit("heartbeatSeconds"), s.ping})
}

// renewsAt is when the keys become too old; a client waits for a tenth more.
func (s *session) renewsAt() int64 {
	age := s.limit("rekeySeconds")
	if s.client {
		age = (11*age + 9) / 10
	}
	return s.sending.since + age
}

func (s *session) byeTimeout() {
	if s.peerBye {
		s.endInOrder()
		return
	}
	s.fail(fault.New("E_TRUNCATED", "local"))
}

func (s *session) ping() {
	s.pinged = s.now
	s.pings[s.seq+1] = true
	s.must(s.control(claims.Control{Top: "ping"}))
	s.must(s.duties())
}
