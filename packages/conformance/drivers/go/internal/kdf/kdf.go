// Package kdf holds transcript and key schedule (specs/session.md, section 8, and specs/lifecycle.md, sections 3 and 7).
package kdf

import (
	"crypto/hkdf"
	"crypto/hmac"
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

// Schedule derives the values of one key agreement in one context.
type Schedule struct {
	Z, Salt, Context []byte
}

// SID is the name of the session of a handshake.
func SID(th2 []byte) string {
	return wire.Encode(TH("sid", th2)[:16])
}

// Size is the length of each kind of value.
var Size = map[string]int{"key": 32, "iv": 12, "mac": 32, "kid": 16}

// Derive gives the value of a label.
func (s Schedule) Derive(label string, length int) []byte {
	out, err := hkdf.Key(sha256.New, s.Z, s.Salt, "sealwire1 "+label+"\x00"+string(s.Context), length)
	if err != nil {
		panic(err)
	}
	return out
}

// Keys are those of one direction, "c hs", "s hs", "c app" or "s app".
func (s Schedule) Keys(prefix string) message.Keys {
	get := func(kind string) []byte { return s.Derive(prefix+" "+kind, Size[kind]) }
	return message.Keys{Key: get("key"), IV: get("iv"), MAC: get("mac"), Kid: wire.Encode(get("kid"))}
}

// Chain is the chain of these keys.
func (s Schedule) Chain() Chain {
	return s.Derive("chain", 32)
}

// Chain is what rekey and resume start from; it is never used on a message.
type Chain []byte

func (c Chain) mac(input []byte) []byte {
	h := hmac.New(sha256.New, c)
	h.Write(input)
	return h.Sum(nil)
}

// Rekey is the schedule of the next epoch; the plaintexts are those of the two messages as sent.
func (c Chain) Rekey(z, rekey, rekeyed []byte) Schedule {
	tr := TH("rk", rekey, rekeyed)
	return Schedule{Z: z, Salt: c.mac(append([]byte("sealwire1 rekey\x00"), tr...)), Context: tr}
}

// Resume is the schedule of a resumed connection.
func (c Chain) Resume(z, th2 []byte) Schedule {
	return Schedule{Z: z, Salt: c.mac(append([]byte("sealwire1 resume\x00"), th2...)), Context: th2}
}

// HelloKey is the key that authenticates the hello of "c" or "s" in a resume.
func (c Chain) HelloKey(end string) []byte {
	return c.mac([]byte("sealwire1 rs " + end))
}

// Kid names the chain in both hellos of a resume.
func (c Chain) Kid() string {
	return wire.Encode(c.mac([]byte("sealwire1 rs kid"))[:16])
}
