// Package kdf holds transcript and key schedule (specs/session.md, section 8).
package kdf

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"sealwire/driver/internal/message"
	"sealwire/driver/internal/wire"
)

// TH is the transcript hash of a label and its parts.
func TH(label string, parts ...[]byte) []byte {
	input := []byte("sealwire1 " + label + "\x00")
	for _, p := range parts {
		input = append(binary.BigEndian.AppendUint32(input, uint32(len(p))), p...)
	}
	sum := sha256.Sum256(input)
	return sum[:]
}

// Schedule derives the keys of one handshake.
type Schedule struct {
	Z, TH2, TH3 []byte
}

// SID is the name of the session.
func (s *Schedule) SID() string {
	return wire.Encode(TH("sid", s.TH2)[:16])
}

// Size is the length of each kind of value.
var Size = map[string]int{"key": 32, "iv": 12, "mac": 32, "kid": 16}

// Derive gives the value of a label; only those of CA have TH2 as context.
func (s *Schedule) Derive(label string, length int) []byte {
	context := s.TH3
	if len(label) > 4 && label[:4] == "c hs" {
		context = s.TH2
	}
	out, err := hkdf.Key(sha256.New, s.Z, s.TH2, "sealwire1 "+label+"\x00"+string(context), length)
	if err != nil {
		panic(err)
	}
	return out
}

// Keys are those of one direction, "c hs", "s hs", "c app" or "s app".
func (s *Schedule) Keys(prefix string) message.Keys {
	get := func(kind string) []byte { return s.Derive(prefix+" "+kind, Size[kind]) }
	return message.Keys{Key: get("key"), IV: get("iv"), MAC: get("mac"), Kid: wire.Encode(get("kid"))}
}
