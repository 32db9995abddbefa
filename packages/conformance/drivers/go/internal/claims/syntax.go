// Package claims reads and writes claims in both codecs (specs/envelope.md, sections 5 to 7).
package claims

import (
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

var broken = fault.New("E_CLAIMS", "claims")

func characters(s string, most int, admitted func(c byte) bool) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !admitted(s[i]) {
			return false
		}
	}
	return true
}

// Identifier checks the syntax of iss, aud and server ids.
func Identifier(s string) bool {
	return characters(s, 256, func(c byte) bool { return c >= 0x21 && c <= 0x7e })
}

// Topic checks the syntax of top.
func Topic(s string) bool {
	return characters(s, 128, func(c byte) bool {
		switch c {
		case '.', '_', ':', '/', '-':
			return true
		}
		return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
	})
}

// Ref names a message, or with Index an item of a batch.
type Ref struct {
	Seq   int64
	Index *int64
}

// Wire is the ref as it stands in the claims.
func (r *Ref) Wire() any {
	if r == nil {
		return nil
	}
	if r.Index == nil {
		return r.Seq
	}
	return []any{r.Seq, *r.Index}
}

// ReadRef reads a ref of one of the two shapes.
func ReadRef(v any) (*Ref, bool) {
	list, ok := v.([]any)
	if !ok {
		seq, ok := value.Integer(v)
		return &Ref{Seq: seq}, ok && seq >= 1
	}
	if len(list) != 2 {
		return nil, false
	}
	seq, ok := value.Integer(list[0])
	index, ok2 := value.Integer(list[1])
	return &Ref{seq, &index}, ok && ok2 && seq >= 1 && index < 256
}

// members reads the members of claims one by one and remembers whether one of them broke the syntax.
type members struct {
	value.Object
	bad bool
}

func (m *members) check(ok bool) {
	m.bad = m.bad || !ok
}

func (m *members) identifier(name string) string {
	s, ok := m.Text(name)
	m.check(ok && Identifier(s))
	return s
}

func (m *members) topic(name string) string {
	s, ok := m.Text(name)
	m.check(ok && Topic(s))
	return s
}

func (m *members) hash(name string, size int) string {
	s, ok := m.Text(name)
	m.check(ok)
	_, ok = wire.DecodeLength(s, size)
	m.check(ok)
	return s
}

func (m *members) integer(name string, least int64) int64 {
	n, ok := m.Integer(name)
	m.check(ok && n >= least)
	return n
}

func (m *members) absent(names ...string) {
	for _, name := range names {
		m.check(!m.Has(name))
	}
}

func (m *members) ref(v any) *Ref {
	r, ok := ReadRef(v)
	m.check(ok)
	return r
}
