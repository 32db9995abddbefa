// Package value holds the data model of the specification and its two codecs: strict JSON and strict CBOR.
package value

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// Number is a JSON number as it was written; the form decides whether it counts as an integer member.
type Number string

// Bytes are application data that is bytes.
type Bytes []byte

// Member is one name and value of an object, in the order in which it was written.
type Member struct {
	Name  string
	Value any
}

// Object is a JSON object or CBOR map; the other values are nil, bool, string, Number (JSON), uint64, int64 and
// float64 (CBOR), Bytes and []any.
type Object []Member

// MaxInteger is 2^53-1, the greatest integer of the specification.
const MaxInteger = 1<<53 - 1

// Get returns a member of the object.
func (o Object) Get(name string) (any, bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return nil, false
}

// Has tells whether the object has a member.
func (o Object) Has(name string) bool {
	_, ok := o.Get(name)
	return ok
}

// Text returns a member that is a string.
func (o Object) Text(name string) (string, bool) {
	v, _ := o.Get(name)
	s, ok := v.(string)
	return s, ok
}

// Object returns a member that is an object.
func (o Object) Object(name string) (Object, bool) {
	v, _ := o.Get(name)
	s, ok := v.(Object)
	return s, ok
}

// List returns a member that is an array.
func (o Object) List(name string) ([]any, bool) {
	v, _ := o.Get(name)
	s, ok := v.([]any)
	return s, ok
}

// Texts returns the strings of a member that is an array.
func (o Object) Texts(name string) []string {
	list, _ := o.List(name)
	out := []string{}
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Integer returns a member that is an integer in the form that the specification asks for.
func (o Object) Integer(name string) (int64, bool) {
	v, _ := o.Get(name)
	return Integer(v)
}

// Integer reads an integer member: in JSON `0|[1-9][0-9]*` with at most 16 digits, in CBOR an unsigned integer.
func Integer(v any) (int64, bool) {
	switch n := v.(type) {
	case Number:
		if len(n) == 0 || len(n) > 16 || (n[0] == '0' && len(n) > 1) {
			return 0, false
		}
		for i := range len(n) {
			if n[i] < '0' || n[i] > '9' {
				return 0, false
			}
		}
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil && i <= MaxInteger
	case uint64:
		return int64(n), n <= MaxInteger
	}
	return 0, false
}

// Float gives any number as binary64.
func Float(v any) (float64, bool) {
	switch n := v.(type) {
	case Number:
		f, err := strconv.ParseFloat(string(n), 64)
		return f, err == nil
	case uint64:
		return float64(n), true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// InModel tells whether application data lies within the data model of the codec; bytes stand only as the whole.
func InModel(v any, cbor bool) bool {
	if _, ok := v.(Bytes); ok {
		return true
	}
	return inModel(v, cbor)
}

func inModel(v any, cbor bool) bool {
	switch x := v.(type) {
	case nil, bool:
		return true
	case string:
		return utf8.ValidString(x)
	case []any:
		for _, e := range x {
			if !inModel(e, cbor) {
				return false
			}
		}
		return true
	case Object:
		seen := map[string]bool{}
		for _, m := range x {
			if m.Name == "__proto__" || seen[m.Name] || !utf8.ValidString(m.Name) || !inModel(m.Value, cbor) {
				return false
			}
			seen[m.Name] = true
		}
		return true
	case Bytes:
		return false
	}
	f, ok := Float(v)
	if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
		return false
	}
	return !cbor || f != math.Trunc(f) || math.Abs(f) <= MaxInteger
}
