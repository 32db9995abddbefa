package wire

import (
	"strings"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
)

// Message is one WebSocket message.
type Message struct {
	Text   string
	Binary []byte
	IsText bool
}

// Size is the length of the payload in bytes.
func (m Message) Size() int {
	return len(m.Text) + len(m.Binary)
}

// Forms of specs/envelope.md, section 3.2.
const (
	Bare = iota
	JWS
	JWE
	Sealed
	Signed
)

// Frame is one object in one of the five forms; Parts are its byte strings in the order of the grammar.
type Frame struct {
	Form  int
	H     uint64
	Seq   uint64
	Parts [][]byte
	Text  string // the compact form, on the text wire
}

// PartNames are the byte strings of each form.
var PartNames = [][]string{
	{"json"},
	{"protected", "payload", "signature"},
	{"protected", "key", "iv", "ciphertext", "tag"},
	{"data"},
	{"payload", "signature"},
}

// Read does the steps frame and encoding.
func Read(text bool, m Message, maxBytes int) (*Frame, error) {
	if m.IsText != text {
		return nil, fault.New("E_FRAME", "frame")
	}
	if m.Size() > maxBytes {
		return nil, fault.New("E_TOO_BIG", "frame")
	}
	if text {
		return decodeText(m.Text)
	}
	return decodeBinary(m.Binary)
}

func decodeText(text string) (*Frame, error) {
	if strings.HasPrefix(text, "{") {
		return &Frame{Form: Bare, Parts: [][]byte{[]byte(text)}, Text: text}, nil
	}
	f, code := Compact(text)
	if code != "" {
		return nil, fault.New(code, "encoding")
	}
	return f, nil
}

// Compact reads a compact JOSE object; code is empty, E_MALFORMED or E_B64.
func Compact(text string) (frame *Frame, code string) {
	segments := strings.Split(text, ".")
	f := &Frame{Form: JWS, Text: text}
	if len(segments) == 5 {
		f.Form = JWE
	}
	if len(segments) != 3 && len(segments) != 5 || segments[0] == "" || f.Form == JWE && segments[1] != "" {
		return nil, "E_MALFORMED"
	}
	for _, s := range segments {
		part, ok := Decode(s)
		if !ok {
			return nil, "E_B64"
		}
		f.Parts = append(f.Parts, part)
	}
	return f, ""
}

// CompactJWS reads text that has to be a compact JWS.
func CompactJWS(text string) (frame *Frame, code string) {
	if strings.HasPrefix(text, "{") || strings.Count(text, ".") != 2 {
		return nil, "E_MALFORMED"
	}
	return Compact(text)
}

// Encode writes a frame as a WebSocket message.
func (f *Frame) Encode(text bool) (Message, error) {
	if f.Form == JWE && len(f.Parts[1]) > 0 || f.H > value.MaxInteger || f.Seq > value.MaxInteger {
		return Message{}, fault.Caller()
	}
	if !text {
		return Message{Binary: f.encodeBinary()}, nil
	}
	switch f.Form {
	case Bare:
		return Message{Text: string(f.Parts[0]), IsText: true}, nil
	case JWS, JWE:
		return Message{Text: f.compact(), IsText: true}, nil
	}
	return Message{}, fault.Caller()
}

func (f *Frame) compact() string {
	segments := make([]string, len(f.Parts))
	for i, p := range f.Parts {
		segments[i] = Encode(p)
	}
	return strings.Join(segments, ".")
}

// Expand gives the text that the text wire would have carried (specs/envelope.md, section 11).
func (f *Frame) Expand(headers map[uint64]string, staticIV []byte) (string, error) {
	if f.Form < Sealed {
		if f.Form == Bare {
			return string(f.Parts[0]), nil
		}
		return f.compact(), nil
	}
	header, ok := headers[f.H]
	if !ok {
		return "", fault.Caller()
	}
	full := Frame{Parts: [][]byte{[]byte(header), f.Parts[0]}}
	if f.Form == Signed {
		full.Parts = append(full.Parts, f.Parts[1])
		return full.compact(), nil
	}
	data := f.Parts[0]
	cut := len(data) - 16
	if cut < 0 || len(staticIV) != 12 {
		return "", fault.Caller()
	}
	full.Parts = [][]byte{[]byte(header), nil, Nonce(staticIV, f.Seq), data[:cut], data[cut:]}
	return full.compact(), nil
}
