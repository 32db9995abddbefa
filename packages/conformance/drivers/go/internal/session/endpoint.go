// Package session is one endpoint as a state machine in virtual time: its connections, and the session that one of them
// carries (specs/session.md and specs/lifecycle.md).
package session

import (
	"slices"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Endpoint is a client or a server with its connections.
type Endpoint struct {
	*config
	now      int64 // local clock
	conns    []*conn
	session  *session  // the newest one that has opened
	outlived []*sent   // idempotent messages of a session that has ended
	revoked  []revoked // what has been revoked so far
	seen     *replay.Store
	out      *outcome
}

// Step is one step of a script.
type Step struct {
	Protocol string
	Upgrade  *string // the token of this upgrade, where it is not that of the configuration
	Resume   *int64
	Conn     *int64
	Messages []wire.Message
	Top      string
	Data     any
	Jti      string
	TTL      *float64
	Seconds  int64
	At       string
	By       value.Object
	Calls    []Call // of a turn
}

// Call is one of several calls of the application in a turn.
type Call struct {
	Op string
	Step
}

// New makes an endpoint from the init of a script.
func New(role string, init value.Object) (*Endpoint, error) {
	c, err := parseConfig(role, init)
	if err != nil {
		return nil, err
	}
	now, _ := init.Integer("now")
	e := &Endpoint{config: c, now: now}
	e.seen = replay.NewStore(int(e.limit("replayEntries")), e.limit("skewSeconds"))
	if e.storeNew {
		e.seen.StartedAt(now)
	}
	return e, nil
}

// Step runs one step of a script and returns its outcome.
func (e *Endpoint) Step(op string, step Step) value.Object {
	e.out = &outcome{thrownCall: -1}
	before, epoch := e.session, e.epochs()
	if op == "start" {
		e.start(step)
	}
	c := e.conns[len(e.conns)-1]
	if step.Conn != nil {
		c = e.conns[*step.Conn]
	}
	switch op {
	case "send", "request":
		e.call(step, op == "request")
		e.turnEnds()
	case "turn":
		e.turn(step.Calls)
	case "tick":
		e.tick(step.Seconds)
	case "recv":
		c.receiveAll(step.Messages)
	case "drop":
		c.drop()
	case "revoke":
		e.revoke(step.By)
	}
	if s := e.session; s != nil && s.state != closed {
		switch op {
		case "close":
			s.closeInOrder()
		case "rekey":
			s.renew()
		case "auth":
			s.refresh(step.At)
		}
	}
	if after := e.epochs(); e.session == before && after != epoch && e.out.resumed == nil {
		e.out.epoch = value.Object{member("send", after[0]), member("receive", after[1])}
	}
	return e.result(op, c)
}

// epochs are those of sending and receiving.
func (e *Endpoint) epochs() [2]uint64 {
	if e.session == nil {
		return [2]uint64{}
	}
	return [2]uint64{e.session.sending.n, e.session.receives}
}

// result adds the states: that of the connection until a session has opened, then that of the session. The steps of a
// connection tell that of an attempt too.
func (e *Endpoint) result(op string, c *conn) value.Object {
	if e.session == nil {
		return append(e.out.members(), member("state", c.state))
	}
	o := append(e.out.members(), member("state", e.session.state))
	if waits := slices.Contains([]string{waitCH, waitCA, waitSH, waitSR, waitResumed}, c.state); waits && (op == "start" || op == "recv" || op == "drop") {
		o = append(o, member("attempt", c.state))
	}
	return o
}

func (e *Endpoint) start(step Step) {
	c := &conn{
		Endpoint: e, number: len(e.conns), started: e.now, state: waitCH,
		protocol: step.Protocol, text: step.Protocol == "sealwire.v1.text", upgrade: e.upgradeToken,
		drawn: e.draw(),
	}
	if step.Upgrade != nil {
		c.upgrade = *step.Upgrade
	}
	e.conns = append(e.conns, c)
	if !e.client {
		return
	}
	c.leaves()
	if s := e.session; step.Resume != nil && s != nil && s.continues() && *step.Resume < int64(len(s.chains)) &&
		int64(len(s.chains)) < e.limit("resumeChains") {
		if err := c.sendResumeHello(s, s.chains[*step.Resume]); err != nil {
			c.fail(err)
		}
		return
	}
	c.sendHello()
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

// reported is how an outcome names an error.
func reported(err error) value.Object {
	f, _, peerName := split(err)
	o := value.Object{member("error", f.Code), member("step", f.Step)}
	if peerName != "" {
		o = append(o, member("peer", true))
	}
	return o
}
