// Package message seals and opens the messages of a session (specs/envelope.md, sections 4, 8 and 9).
package message

import (
	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/wire"
)

// Keys are the keys of one direction; Kid is K in base64url.
type Keys struct {
	Key, IV, MAC []byte
	Kid          string
}

// Channel is what both ends of a session share.
type Channel struct {
	Text         bool
	Level, Codec string
}

func (c Channel) cty(outer bool) string {
	if outer && c.Level == "nest" {
		return `"cty":"JWT",`
	}
	if c.Codec == "cbor" {
		return `"cty":"sealwire+cbor",`
	}
	return ""
}

// outer is the protected header of an application message as it stands on the wire.
func (c Channel) outer(k Keys, signer *jose.Public) string {
	switch c.Level {
	case "mac":
		return `{"alg":"HS256",` + c.cty(true) + `"kid":"` + k.Kid + `","typ":"sealwire+jwt"}`
	case "sig":
		return c.signed(signer)
	}
	return `{"alg":"dir","enc":"A256GCM",` + c.cty(true) + `"kid":"` + k.Kid + `","typ":"sealwire+jwt"}`
}

// signed is the protected header of a signature, at nest that of the inner JWS.
func (c Channel) signed(signer *jose.Public) string {
	return `{"alg":"` + signer.Alg() + `",` + c.cty(false) + `"kid":"` + signer.Thumbprint() + `","typ":"sealwire+jwt"}`
}

func control(k Keys) string {
	return `{"alg":"dir","enc":"A256GCM","kid":"` + k.Kid + `","typ":"sealwire-ctl+jwt"}`
}

// On the binary wire h is 2·epoch for application messages and 2·epoch+1 for control messages.
func applicationH(epoch uint64) uint64 { return 2 * epoch }
func controlH(epoch uint64) uint64     { return 2*epoch + 1 }

func (c Channel) form() int {
	if claims.Hides(c.Level) {
		return wire.Sealed
	}
	return wire.Signed
}

// compactForm is the form that a message without a full header has on the text wire.
var compactForm = map[int]int{wire.Sealed: wire.JWE, wire.Signed: wire.JWS}
