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
	for e.state != closed {
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

// deadlines are what falls due, at one instant in the order in which it happens: the end before everything else.
func (e *Endpoint) deadlines() []event {
	ends := func(code, step string) func() {
		return func() { e.fail(fault.New(code, step)) }
	}
	switch e.state {
	case waitCH:
		return []event{
			{e.started + e.limit("clientHelloSeconds"), ends("E_TIMEOUT_HS", "local")},
			{e.started + e.limit("handshakeSeconds"), ends("E_TIMEOUT_HS", "local")},
		}
	case waitCA, waitSH, waitSR:
		return []event{{e.started + e.limit("handshakeSeconds"), ends("E_TIMEOUT_HS", "local")}}
	}
	list := []event{}
	if e.state == closing {
		list = append(list, event{e.byeAt + e.limit("byeSeconds"), e.byeTimeout})
	} else {
		list = append(list,
			event{e.exp - e.offset, ends("E_SESSION_EXPIRED", "session")},
			event{e.heard + e.limit("idleSeconds"), ends("E_IDLE", "local")},
		)
	}
	for seq, r := range e.requests {
		list = append(list, event{r.until, func() { e.settle(seq, member("error", "E_TIMEOUT")) }})
	}
	if !e.client && e.state == open {
		list = append(list, event{e.pinged + e.limit("heartbeatSeconds"), e.ping})
	}
	return list
}

func (e *Endpoint) byeTimeout() {
	if e.peerBye {
		e.endInOrder()
		return
	}
	e.fail(fault.New("E_TRUNCATED", "local"))
}

func (e *Endpoint) ping() {
	if err := e.control(claims.Control{Top: "ping"}); err != nil {
		e.fail(err)
		return
	}
	e.pinged = e.now
	e.pings[e.seq] = true
}
