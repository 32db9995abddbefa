package message

import (
	"strings"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/wire"
)

// Sealer seals the messages of one direction.
type Sealer struct {
	Channel
	Epoch      uint64
	Keys       Keys
	Signer     *jose.Private
	Self, Peer string
	header     string
}

// NewSealer is a sealer for the same ends under other keys.
func NewSealer(of Sealer, epoch uint64, keys Keys) *Sealer {
	of.Epoch, of.Keys, of.header = epoch, keys, ""
	return &of
}

// Complete adds, at sig and nest, who sends a message to whom and on which connection, and tells whether it can be sealed.
func (s *Sealer) Complete(a *claims.Application) bool {
	if claims.Signs(s.Level) {
		a.Iss, a.Aud, a.Bnd = s.Self, s.Peer, s.Keys.Kid
	}
	return a.Sealable(s.Codec, s.Level)
}

// Application seals an application message that is complete.
func (s *Sealer) Application(a *claims.Application) (wire.Message, error) {
	header, body := s.prepared(), a.Write(s.Codec)
	switch s.Level {
	case "mac":
		return s.signed(jose.SignHMAC(s.Keys.MAC, header, body))
	case "sig":
		text, err := s.Signer.Sign(header, body)
		if err != nil {
			return wire.Message{}, err
		}
		return s.signed(text)
	case "nest":
		text, err := s.Signer.Sign(s.Channel.signed(s.Signer.Public), body)
		if err != nil {
			return wire.Message{}, err
		}
		body = []byte(text)
	}
	return s.sealed(header, applicationH(s.Epoch), a.Seq, body)
}

// prepared is the protected header, a constant of the epoch.
func (s *Sealer) prepared() string {
	if s.header == "" {
		var public *jose.Public
		if claims.Signs(s.Level) {
			public = s.Signer.Public
		}
		s.header = s.outer(s.Keys, public)
	}
	return s.header
}

// Control seals a control message, at every level as at aead.
func (s *Sealer) Control(c *claims.Control) (wire.Message, error) {
	return s.sealed(control(s.Keys), controlH(s.Epoch), c.Seq, c.Write())
}

func (s *Sealer) signed(text string) (wire.Message, error) {
	if s.Text {
		return wire.Message{Text: text, IsText: true}, nil
	}
	segments := strings.Split(text, ".")
	payload, _ := wire.Decode(segments[1])
	signature, _ := wire.Decode(segments[2])
	f := &wire.Frame{Form: wire.Signed, H: applicationH(s.Epoch), Parts: [][]byte{payload, signature}}
	return f.Encode(false)
}

func (s *Sealer) sealed(header string, h uint64, seq int64, plaintext []byte) (wire.Message, error) {
	f := jose.Encrypt(s.Keys.Key, wire.Nonce(s.Keys.IV, uint64(seq)), header, plaintext)
	if s.Text {
		return f.Encode(true)
	}
	data := append(f.Parts[3], f.Parts[4]...)
	return (&wire.Frame{Form: wire.Sealed, H: h, Seq: uint64(seq), Parts: [][]byte{data}}).Encode(false)
}
