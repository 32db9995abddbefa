package message

import (
	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/wire"
)

// Measure gives, of a message that is complete, the bytes of the claims and those of the WebSocket message, without any use of a key.
func (s *Sealer) Measure(a *claims.Application) (body, size int) {
	body = len(a.Write(s.Codec))
	f := &wire.Frame{Form: wire.Signed, Parts: [][]byte{make([]byte, body), make([]byte, 64)}}
	header := s.prepared()
	inner := body
	switch s.Level {
	case "mac":
		f.Parts[1] = f.Parts[1][:32]
	case "nest":
		inner = encoded(len(s.Channel.signed(s.Signer.Public))) + 1 + encoded(body) + 1 + encoded(64)
	}
	if claims.Hides(s.Level) {
		f = &wire.Frame{Form: wire.Sealed, Seq: uint64(a.Seq), Parts: [][]byte{make([]byte, inner+16)}}
		if s.Text {
			return body, encoded(len(header)) + 2 + encoded(12) + 1 + encoded(inner) + 1 + encoded(16)
		}
	} else if s.Text {
		return body, encoded(len(header)) + 1 + encoded(body) + 1 + encoded(len(f.Parts[1]))
	}
	m, _ := f.Encode(false)
	return body, m.Size()
}

// encoded is the length of n bytes in base64url.
func encoded(n int) int {
	return (n*8 + 5) / 6
}
