package session

import (
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// States of specs/session.md, section 10; those of a resume; and what the other states of an outcome need.
const (
	waitCH      = "wait-ch"
	waitCA      = "wait-ca"
	waitSH      = "wait-sh"
	waitSR      = "wait-sr"
	waitResumed = "wait-resumed"
	open        = "open" // a connection that carries the session
	lost        = "lost"
	closing     = "closing"
	closed      = "closed"
)

// conn is one connection from its 101 response on.
type conn struct {
	*Endpoint
	number   int
	state    string
	protocol string
	text     bool
	upgrade  string // the token that went with the upgrade, empty where none did
	started  int64
	waiting  int64 // bytes behind the message in hand

	// Handshake.
	drawn
	m1, m2   string
	z, th2   []byte
	th3      []byte
	selected selection
	signer   *jose.Private
	peerKey  *jose.Public // SH was signed with it, or CA proved it
	peerMsg  int64
	offset   int64 // server time less local time
	helloAt  int64 // iat of SH
	resuming *resumption
	carried  *session
}

type selection struct {
	suite, level, codec, alg string
	popRequired, window      bool
	res                      int64
}

func (c *conn) receiveAll(messages []wire.Message) {
	for i, m := range messages {
		c.waiting = 0
		for _, later := range messages[i+1:] {
			c.waiting += int64(later.Size())
		}
		if err := c.receive(m); err != nil {
			if s := c.carried; s != nil {
				s.fail(err)
			} else {
				c.fail(err)
			}
		}
	}
}

func (c *conn) receive(m wire.Message) error {
	switch c.state {
	case waitCH:
		return c.onClientHello(m)
	case waitCA:
		return c.onClientAuth(m)
	case waitSH:
		return c.onServerHello(m)
	case waitSR:
		return c.onServerReady(m)
	case waitResumed:
		return c.onResumed(m)
	case open:
		return c.carried.onMessage(m)
	}
	return nil
}

// serverTime is the clock of conventions.md, section 6.
func (c *conn) serverTime() int64 {
	return c.now + c.offset
}

// bare makes a message of form 0.
func (c *conn) bare(o value.Object) wire.Message {
	f := &wire.Frame{Form: wire.Bare, Parts: [][]byte{value.WriteJSON(o)}}
	m, _ := f.Encode(c.text)
	return m
}

// sendCompact sends a compact JWS as what it is on this wire.
func (c *conn) sendCompact(text string) error {
	f, _ := wire.Compact(text)
	m, err := f.Encode(c.text)
	if err == nil {
		c.out.send(m)
	}
	return err
}

// closeCode is the code with which a connection closes that carries no session.
func closeCode(err error) int {
	f, isCoarse, peerName := split(err)
	listed := fault.CloseOf(peerName)
	switch code := fault.Codes[f.Code].Close; {
	case isCoarse:
		return 3000
	case f.Code == "E_FUTURE":
		return 4406
	case code != 0:
		return code
	case listed != 0:
		return listed
	}
	return 1011
}

// fail ends a connection that does not carry the session.
func (c *conn) fail(err error) {
	code := closeCode(err)
	if !c.client {
		c.out.send(c.bare(value.Object{member("typ", "sealwire-err"), member("code", fault.Names[code])}))
	}
	c.state = closed
	if c.session != nil {
		failed := append(value.Object{member("conn", c.number)}, reported(err)...)
		c.out.attempt = append(failed, member("close", closeOut(code)))
		return
	}
	c.out.closed, c.out.failed = closeOut(code), reported(err)
	c.out.ended = value.Object{member("clean", false), member("truncated", false)}
}

func closeOut(code int) value.Object {
	return value.Object{member("code", code), member("reason", fault.Names[code])}
}

// drop handles a connection that is no longer there.
func (c *conn) drop() {
	switch {
	case c.state == closed:
	case c.carried != nil:
		c.state = closed
		c.carried.gone()
	case c.session != nil:
		c.state = closed
		c.out.attempt = value.Object{member("conn", c.number)}
	default:
		c.state = closed
		c.out.ended = value.Object{member("clean", false), member("truncated", false)}
	}
}
