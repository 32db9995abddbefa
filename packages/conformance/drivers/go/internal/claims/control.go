package claims

import (
	"slices"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
)

// Control are the claims of a control message.
type Control struct {
	Seq  int64
	Top  string
	Code string
	Ref  *Ref
	Rcv  int64
}

// errCodes are the codes that an err carries.
var errCodes = []string{
	"E_EXPIRED", "E_FUTURE", "E_TTL", "E_DENIED", "E_RATE", "E_REPLAY_STORE", "E_NO_HANDLER", "E_HANDLER", "E_INVALID",
}

// ReadControl checks the syntax of a control message against the table of specs/session.md, section 11.
func ReadControl(data []byte) (*Control, error) {
	o, err := value.ParseJSON(data)
	if err != nil {
		return nil, broken
	}
	m := &members{Object: o}
	c := &Control{Seq: m.integer("seq", 1), Rcv: m.integer("rcv", 0)}
	c.Top, _ = m.Text("top")
	ref, _ := m.Get("ref")
	switch c.Top {
	case "err":
		c.Code, _ = m.Text("code")
		m.check(slices.Contains(errCodes, c.Code))
		c.Ref = m.ref(ref)
	case "ping":
	case "pong":
		c.Ref = m.ref(ref)
		m.check(c.Ref != nil && c.Ref.Index == nil)
	case "bye":
		if m.Has("code") {
			c.Code, _ = m.Text("code")
			m.check(fault.Claimed[c.Code] != "")
		}
	default:
		m.check(false)
	}
	if m.bad {
		return nil, broken
	}
	return c, nil
}

// Write writes the claims of a control message.
func (c *Control) Write() []byte {
	o := value.Object{{Name: "seq", Value: c.Seq}, {Name: "top", Value: c.Top}}
	if c.Code != "" {
		o = append(o, value.Member{Name: "code", Value: c.Code})
	}
	if c.Ref != nil {
		o = append(o, value.Member{Name: "ref", Value: c.Ref.Wire()})
	}
	return value.WriteJSON(append(o, value.Member{Name: "rcv", Value: c.Rcv}))
}
