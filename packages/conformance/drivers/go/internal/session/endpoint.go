package session

import (
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// States of specs/session.md, section 10.
const (
	waitCH  = "wait-ch"
	waitCA  = "wait-ca"
	waitSH  = "wait-sh"
	waitSR  = "wait-sr"
	open    = "open"
	closing = "closing"
	closed  = "closed"
)

// Endpoint is a client or a server from the 101 response on.
type Endpoint struct {
	*config
	state    string
	protocol string
	text     bool
	now      int64 // local clock
	started  int64
	offset   int64 // server time less local time
	out      *outcome

	// Handshake.
	m1, m2   string
	selected selection
	schedule kdf.Schedule
	signer   *jose.Private
	peerKey  *jose.Public // SH was signed with it, or CA proved it
	peerMsg  int64
	waiting  int64 // bytes behind the message in hand

	*live
}

type selection struct {
	suite, level, codec, alg string
	popRequired, window      bool
}

// New makes an endpoint from the init of a script.
func New(role string, init value.Object) (*Endpoint, error) {
	c, err := parseConfig(role, init)
	if err != nil {
		return nil, err
	}
	now, _ := init.Integer("now")
	return &Endpoint{config: c, now: now, started: now}, nil
}

// Step runs one step of a script and returns its outcome.
func (e *Endpoint) Step(op string, step Step) value.Object {
	e.out = &outcome{}
	switch op {
	case "send", "request":
		e.call(step, op == "request")
	case "start":
		e.start(step.Protocol)
	case "tick":
		e.tick(step.Seconds)
	}
	if e.state != closed {
		switch op {
		case "recv":
			e.receiveAll(step.Messages)
		case "close":
			e.closeInOrder()
		case "drop":
			e.gone()
		}
	}
	return e.out.members(e.state)
}

// Step is one step of a script.
type Step struct {
	Protocol string
	Messages []wire.Message
	Top      string
	Data     any
	TTL      *float64
	Seconds  int64
}

func (e *Endpoint) start(protocol string) {
	e.protocol, e.text = protocol, protocol == "sealwire.v1.text"
	if e.client {
		e.sendHello()
	} else {
		e.state = waitCH
	}
}

func (e *Endpoint) receiveAll(messages []wire.Message) {
	for i, m := range messages {
		e.waiting = 0
		for _, later := range messages[i+1:] {
			e.waiting += int64(later.Size())
		}
		if e.state == closed {
			return
		}
		if err := e.receive(m); err != nil {
			e.fail(err)
		}
	}
}

func (e *Endpoint) receive(m wire.Message) error {
	switch e.state {
	case waitCH:
		return e.onClientHello(m)
	case waitCA:
		return e.onClientAuth(m)
	case waitSH:
		return e.onServerHello(m)
	case waitSR:
		return e.onServerReady(m)
	}
	return e.onMessage(m)
}

// serverTime is the clock of conventions.md, section 6.
func (e *Endpoint) serverTime() int64 {
	return e.now + e.offset
}

// bare makes a message of form 0.
func (e *Endpoint) bare(o value.Object) wire.Message {
	f := &wire.Frame{Form: wire.Bare, Parts: [][]byte{value.WriteJSON(o)}}
	m, _ := f.Encode(e.text)
	return m
}

// coarse is a failure of a decrypted CA: the peer sees one name for all of them.
type coarse struct{ *fault.Fault }

// fromPeer is the peer's word, from a sealwire-err or the code of a bye.
type fromPeer struct {
	*fault.Fault
	name string
}

func split(err error) (f *fault.Fault, isCoarse bool, peerName string) {
	switch x := err.(type) {
	case *fault.Fault:
		return x, false, ""
	case coarse:
		return x.Fault, true, ""
	case fromPeer:
		return x.Fault, false, x.name
	}
	return fault.New("E_INTERNAL", "local"), false, ""
}

func (e *Endpoint) closeCode(f *fault.Fault, isCoarse bool) int {
	switch code := fault.Codes[f.Code].Close; {
	case isCoarse:
		return 3000
	case f.Code == "E_FUTURE":
		return 4406
	case code != 0:
		return code
	case e.live == nil:
		return 1011
	}
	return 1000
}

// fail ends the session with an error that this end found, or that the peer told.
func (e *Endpoint) fail(err error) {
	f, isCoarse, peerName := split(err)
	code := e.closeCode(f, isCoarse)
	if listed := fault.CloseOf(peerName); listed != 0 && f.Code == "E_CLOSED" && e.live == nil {
		code = listed
	}
	name := fault.Names[code]
	switch {
	case e.live == nil && !e.client:
		e.out.send(e.bare(value.Object{member("typ", "sealwire-err"), member("code", name)}))
	case e.live != nil && !e.ownBye && peerName == "" && f.Code != "E_TRUNCATED":
		e.sendBye(name)
	}
	e.close(code)
	e.finish(err)
}

func (e *Endpoint) close(code int) {
	e.out.closed = value.Object{member("code", code), member("reason", fault.Names[code])}
}

// finish reports the end; err is nil for an end in order.
func (e *Endpoint) finish(err error) {
	peerName, pending := "", "E_CLOSED"
	if err != nil {
		var f *fault.Fault
		f, _, peerName = split(err)
		pending = f.Code
		e.out.failed = value.Object{member("error", f.Code), member("step", f.Step)}
		if peerName != "" {
			e.out.failed = append(e.out.failed, member("peer", true))
		}
	}
	clean, truncated := false, false
	if e.live != nil {
		e.settleAll(pending)
		clean = e.ownBye && e.peerBye && (err == nil || peerName == "away")
		truncated = !e.peerBye
	}
	e.out.ended = value.Object{member("clean", clean), member("truncated", truncated)}
	if e.live != nil && e.ring != nil {
		e.out.ended = append(e.out.ended, member("dropped", e.drops), member("missing", e.ring.Missing()))
	}
	e.state = closed
}

// gone handles a connection that is no longer there.
func (e *Endpoint) gone() {
	switch {
	case e.live == nil:
		e.finish(nil)
	case !e.peerBye:
		e.finish(fault.New("E_TRUNCATED", "local"))
	default:
		e.finish(e.peerError)
	}
}
