package claims

import (
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Standalone are the claims of a standalone envelope (specs/envelope.md, section 13.2).
type Standalone struct {
	Iss, Aud, Jti string
	Iat, Exp      int64
	Top, Ref      string
	Data          any
}

// ReadStandalone checks the syntax of the claims of an envelope.
func ReadStandalone(data []byte, encrypted bool) (*Standalone, error) {
	o, err := value.ParseJSON(data)
	if err != nil {
		return nil, broken
	}
	m := &members{Object: o}
	s := &Standalone{
		Iss: m.identifier("iss"), Aud: m.identifier("aud"), Jti: m.hash("jti", 16),
		Iat: m.integer("iat", 0), Exp: m.integer("exp", 0), Top: m.topic("top"),
	}
	m.check(s.Exp >= s.Iat)
	m.absent("bnd", "seq", "req", "bat", "rcv")
	if m.Has("ref") {
		s.Ref = m.hash("ref", 16)
	}
	if pad, ok := m.Get("pad"); ok {
		_, text := pad.(string)
		m.check(text && encrypted)
	}
	s.Data = m.content(true)
	if m.bad {
		return nil, broken
	}
	return s, nil
}

// Sealable tells whether a sealer takes these claims; everything else is a mistake of its caller.
func (s *Standalone) Sealable() bool {
	if !value.InModel(s.Data, false) {
		return false
	}
	_, err := ReadStandalone(s.Write(), false)
	return err == nil
}

// Write writes the claims of an envelope; the caller has checked them.
func (s *Standalone) Write() []byte {
	o := value.Object{
		{Name: "iss", Value: s.Iss}, {Name: "aud", Value: s.Aud}, {Name: "jti", Value: s.Jti},
		{Name: "iat", Value: s.Iat}, {Name: "exp", Value: s.Exp}, {Name: "top", Value: s.Top},
	}
	if s.Ref != "" {
		o = append(o, value.Member{Name: "ref", Value: s.Ref})
	}
	return value.WriteJSON(append(o, content(s.Data, "json")))
}

// content reads dat or bin.
func (m *members) content(json bool) any {
	data, _ := m.Get("dat")
	if m.Has("bin") {
		text, ok := m.Text("bin")
		m.check(ok && json && !m.Has("dat"))
		b, ok := wire.Decode(text)
		m.check(ok)
		return value.Bytes(b)
	}
	return data
}

// content is the member that carries data: bytes stand in bin of codec json.
func content(data any, codec string) value.Member {
	if b, ok := data.(value.Bytes); ok && codec == "json" {
		return value.Member{Name: "bin", Value: wire.Encode(b)}
	}
	return value.Member{Name: "dat", Value: data}
}
