// Package wire holds the two wires: compact text and CBOR frames, and canonical base64url.
package wire

import (
	"encoding/base64"
	"strings"
)

var canonical = base64.RawURLEncoding.Strict()

// Encode writes base64url without padding.
func Encode(b []byte) string {
	return canonical.EncodeToString(b)
}

// Decode reads canonical base64url only; the standard library alone would pass over line breaks.
func Decode(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := canonical.DecodeString(s)
	return b, err == nil
}

// DecodeLength reads canonical base64url of exactly n bytes.
func DecodeLength(s string, n int) ([]byte, bool) {
	b, ok := Decode(s)
	return b, ok && len(b) == n
}
