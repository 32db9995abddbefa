package main

import (
	"encoding/hex"

	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// input is the input of an operation; what is absent reads as the zero value.
type input struct{ value.Object }

func (in input) text(name string) string {
	s, _ := in.Text(name)
	return s
}

func (in input) number(name string, otherwise int64) int64 {
	v, ok := in.Get(name)
	if !ok {
		return otherwise
	}
	f, _ := value.Float(v)
	return int64(f)
}

// optional is a number that can be absent.
func (in input) optional(name string) *int64 {
	if !in.Has(name) {
		return nil
	}
	n := in.number(name, 0)
	return &n
}

func (in input) bytes(name string) []byte {
	b, err := hex.DecodeString(in.text(name))
	if err != nil {
		return nil
	}
	return b
}

func (in input) object(name string) value.Object {
	o, _ := in.Object.Object(name)
	return o
}

func (in input) message(name string) wire.Message {
	m := input{in.object(name)}
	if text, ok := m.Text("text"); ok {
		return wire.Message{Text: text, IsText: true}
	}
	return wire.Message{Binary: m.bytes("binary")}
}

func (in input) onText() bool {
	return in.text("wire") == "text"
}

func messageOut(m wire.Message) value.Object {
	if m.IsText {
		return value.Object{member("text", m.Text)}
	}
	return value.Object{member("binary", hex.EncodeToString(m.Binary))}
}

// data turns the notation of the vectors into application data: {"$bytes": hex} stands for bytes, wherever it is.
func data(v any) any {
	switch x := v.(type) {
	case value.Object:
		if text, ok := x.Text("$bytes"); ok && len(x) == 1 {
			b, err := hex.DecodeString(text)
			if err == nil {
				return value.Bytes(b)
			}
		}
		o := make(value.Object, len(x))
		for i, m := range x {
			o[i] = member(m.Name, data(m.Value))
		}
		return o
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = data(e)
		}
		return list
	}
	return v
}

func (in input) flag(name string) bool {
	v, _ := in.Get(name)
	return v == true
}
