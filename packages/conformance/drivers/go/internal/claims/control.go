package claims

import (
	"slices"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/value"
)

// Control are the claims of a control message.
type Control struct {
	Seq  int64
	Top  string
	N    int64
	Epk  value.Object
	At   string
	Code string
	Ref  *Ref
	Exp  *int64
	Scp  []any
	Rcv  int64
}

// Ends are the two roles.
const (
	Client = "client"
	Server = "server"
)

// Expect is what an opener of control messages knows of its session; what is empty is not compared.
type Expect struct {
	// From is the role of the sender.
	From string
	// Curve is that of the session's suite.
	Curve string
}

// errCodes are the codes that an err carries.
var errCodes = []string{
	"E_EXPIRED", "E_FUTURE", "E_TTL", "E_DENIED", "E_RATE", "E_REPLAY_STORE", "E_NO_HANDLER", "E_HANDLER", "E_INVALID",
}

// senders are the control messages that one role alone sends.
var senders = map[string]string{"auth": Client, "auth-ok": Server, "auth-no": Server, "auth-soon": Server}

// unlessVoid are the members that a void does not have.
var unlessVoid = []string{"n", "epk", "at", "code", "ref", "exp", "scp", "rcv"}

// ReadControl checks the syntax of a control message against the tables of specs/session.md, section 11, and
// specs/lifecycle.md, section 2.
func ReadControl(data []byte, expect Expect) (*Control, error) {
	o, err := value.ParseJSON(data)
	if err != nil {
		return nil, broken
	}
	m := &members{Object: o}
	c := &Control{}
	c.Top, _ = m.Text("top")
	least := int64(1)
	if c.Top == "resumed" {
		least = 0
	}
	c.Seq = m.integer("seq", least)
	if c.Top == "void" {
		m.absent(unlessVoid...)
	} else {
		c.Rcv = m.integer("rcv", 0)
	}
	m.control(c, expect)
	if from := senders[c.Top]; m.bad || from != "" && expect.From != "" && from != expect.From {
		return nil, broken
	}
	if c.Epk != nil && expect.Curve != "" {
		return c, agreed(c.Epk, expect.Curve)
	}
	return c, nil
}

// control reads the members of each row.
func (m *members) control(c *Control, expect Expect) {
	ref, _ := m.Get("ref")
	switch c.Top {
	case "err":
		c.Code, _ = m.Text("code")
		m.check(slices.Contains(errCodes, c.Code))
		c.Ref = m.ref(ref)
	case "ping", "ack", "auth-soon", "void":
	case "pong", "auth-no":
		c.Ref = m.whole(ref)
	case "bye":
		if m.Has("code") {
			c.Code, _ = m.Text("code")
			m.check(fault.Claimed[c.Code] != "")
		}
	case "rekey", "rekeyed":
		c.N = m.integer("n", 1)
		var ok bool
		c.Epk, ok = m.Object.Object("epk")
		m.check(ok)
		if c.Top == "rekeyed" {
			c.Ref = m.whole(ref)
		}
	case "auth":
		var ok bool
		c.At, ok = m.Text("at")
		m.check(ok)
	case "auth-ok":
		c.Ref = m.whole(ref)
		m.grant(c)
	case "resumed":
		// Who does not know the sender takes what is there.
		if expect.From == Server || expect.From == "" && (m.Has("exp") || m.Has("scp")) {
			m.grant(c)
		}
	default:
		m.check(false)
	}
}

// whole reads a ref that names a message and no item.
func (m *members) whole(v any) *Ref {
	r := m.ref(v)
	m.check(r != nil && r.Index == nil)
	return r
}

// grant reads what a session has from now on.
func (m *members) grant(c *Control) {
	exp := m.integer("exp", 0)
	c.Exp = &exp
	scopes, ok := m.List("scp")
	m.check(ok)
	for _, s := range scopes {
		_, text := s.(string)
		m.check(text)
	}
	c.Scp = scopes
}

// agreed checks the public key of a rekey.
func agreed(epk value.Object, curve string) error {
	if !jose.Members(epk, curve) {
		return broken
	}
	if _, err := jose.Point(epk); err != nil {
		return fault.New("E_KEY", "claims")
	}
	return nil
}

// Write writes the claims of a control message.
func (c *Control) Write() []byte {
	o := value.Object{{Name: "seq", Value: c.Seq}, {Name: "top", Value: c.Top}}
	add := func(there bool, name string, v any) {
		if there {
			o = append(o, value.Member{Name: name, Value: v})
		}
	}
	add(c.N != 0, "n", c.N)
	add(c.Epk != nil, "epk", c.Epk)
	add(c.Top == "auth", "at", c.At)
	add(c.Code != "", "code", c.Code)
	add(c.Ref != nil, "ref", c.Ref.Wire())
	if c.Exp != nil {
		add(true, "exp", *c.Exp)
	}
	add(c.Scp != nil, "scp", c.Scp)
	add(c.Top != "void", "rcv", c.Rcv)
	return value.WriteJSON(o)
}
