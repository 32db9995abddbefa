package standalone

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Seal signs an envelope, and encrypts it where it has a recipient.
func Seal(s *claims.Standalone, signer *jose.Private, recipient *jose.Public) (*wire.Frame, error) {
	if !s.Sealable() {
		return nil, fault.Caller()
	}
	typ := typSigned
	if recipient != nil {
		typ = typInner
	}
	header := `{"alg":"` + signer.Alg() + `","kid":"` + signer.Thumbprint() + `","typ":"` + typ + `"}`
	compact, err := signer.Sign(header, s.Write())
	if err != nil {
		return nil, err
	}
	if recipient == nil {
		f, _ := wire.Compact(compact)
		return f, nil
	}
	ephemeral, err := jose.Ephemeral(recipient.Crv)
	if err != nil {
		return nil, err
	}
	z, err := ephemeral.Agree(recipient)
	if err != nil {
		return nil, err
	}
	outer := `{"alg":"ECDH-ES","enc":"A256GCM","cty":"JWT","epk":` + string(value.WriteJSON(ephemeral.JWK)) +
		`,"kid":"` + recipient.Thumbprint() + `","typ":"` + typOuter + `"}`
	iv := make([]byte, 12)
	if _, err := rand.Read(iv); err != nil {
		return nil, err
	}
	return jose.Encrypt(contentKey(z), iv, outer, []byte(compact)), nil
}

// contentKey is the single hash of RFC 7518, section 4.6, for A256GCM without apu and apv.
func contentKey(z []byte) []byte {
	lp := func(out []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint32(out, uint32(len(s))), s...)
	}
	input := append(binary.BigEndian.AppendUint32(nil, 1), z...)
	input = lp(lp(lp(input, "A256GCM"), ""), "")
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(input, 256))
	return sum[:]
}
