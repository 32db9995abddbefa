// Package standalone seals and opens envelopes outside of sessions (specs/envelope.md, section 13).
package standalone

import (
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Values of typ.
const (
	typSigned = "sealwire-env+jwt"
	typOuter  = "sealwire-envx+jwt"
	typInner  = "sealwire-envi+jwt"
)

const (
	messageBytes = 1048576
	skewSeconds  = 60
)

// Signer is a signing key and the identity that it belongs to.
type Signer struct {
	Identity string
	Key      *jose.Public
}

// Opener opens envelopes. Audience is its own identity with its groups behind it.
type Opener struct {
	Audience   []string
	Signers    map[string]Signer
	Decryption *jose.Private
	MaxLife    int64
	Seen       func(iss, jti string) bool
}

// Open runs the steps frame to deliver.
func (o *Opener) Open(m wire.Message, now int64) (s *claims.Standalone, encrypted bool, err error) {
	f, err := wire.Read(m.IsText, m, messageBytes)
	if err != nil {
		return nil, false, err
	}
	var payload []byte
	var signer Signer
	audience := o.Audience
	switch f.Form {
	case wire.JWS:
		payload, signer, err = o.verify(f)
	case wire.JWE:
		encrypted, audience = true, audience[:1]
		payload, signer, err = o.decrypt(f)
	default:
		err = fault.New("E_HEADER", "header")
	}
	if err != nil {
		return nil, false, err
	}
	if s, err = claims.ReadStandalone(payload, encrypted); err != nil {
		return nil, false, err
	}
	if s.Iss != signer.Identity {
		return nil, false, fault.New("E_KEY", "claims")
	}
	if !slices.Contains(audience, s.Aud) {
		return nil, false, fault.New("E_BINDING", "claims")
	}
	if err := claims.CheckTime(&s.Iat, s.Exp, now, skewSeconds, o.MaxLife); err != nil {
		return nil, false, err
	}
	if o.Seen(s.Iss, s.Jti) {
		return nil, false, fault.New("E_REPLAY", "deliver")
	}
	return s, encrypted, nil
}

func text(f *wire.Frame) string {
	text, _ := f.Expand(nil, nil)
	return text
}

// header checks the header of a JWS, from its size to its cty.
func (o *Opener) header(f *wire.Frame, typ string) (Signer, error) {
	h, err := jose.ParseHeader(f.Parts[0], typ, "alg", "cty", "kid", "typ")
	if err != nil {
		return Signer{}, err
	}
	kid, _ := h.Text("kid")
	signer, known := o.Signers[kid]
	if !known {
		return Signer{}, fault.New("E_KEY", "header")
	}
	if alg, _ := h.Text("alg"); alg != signer.Key.Alg() {
		return Signer{}, fault.New("E_ALG", "header")
	}
	if h.Has("cty") {
		return Signer{}, fault.New("E_CTY", "header")
	}
	return signer, nil
}

func (o *Opener) verify(f *wire.Frame) ([]byte, Signer, error) {
	signer, err := o.header(f, typSigned)
	if err != nil {
		return nil, signer, err
	}
	payload, err := signer.Key.VerifyBy(text(f))
	if err != nil {
		return nil, signer, fault.New("E_CRYPTO", "crypto")
	}
	return payload, signer, nil
}

func (o *Opener) decrypt(f *wire.Frame) ([]byte, Signer, error) {
	if err := o.outer(f); err != nil {
		return nil, Signer{}, err
	}
	if len(f.Parts[2]) != 12 || len(f.Parts[4]) != 16 {
		return nil, Signer{}, fault.New("E_CRYPTO", "crypto")
	}
	plaintext, err := o.Decryption.DecryptAgreed(text(f))
	if err != nil {
		return nil, Signer{}, fault.New("E_CRYPTO", "crypto")
	}
	inner, err := message.Inner(plaintext)
	if err != nil {
		return nil, Signer{}, err
	}
	signer, err := o.header(inner, typInner)
	if err != nil {
		return nil, signer, fault.New("E_CRYPTO", "inner")
	}
	payload, err := signer.Key.VerifyBy(string(plaintext))
	if err != nil {
		return nil, signer, fault.New("E_CRYPTO", "inner")
	}
	return payload, signer, nil
}

// outer checks the header of a JWE; the ephemeral key is checked before any library sees it.
func (o *Opener) outer(f *wire.Frame) error {
	refused := func(code string) error { return fault.New(code, "header") }
	h, err := jose.ParseHeader(f.Parts[0], typOuter, "alg", "enc", "cty", "epk", "kid", "typ")
	if err != nil {
		return err
	}
	kid, _ := h.Text("kid")
	if o.Decryption == nil || kid != o.Decryption.Thumbprint() {
		return refused("E_KEY")
	}
	epk, _ := h.Object("epk")
	if !jose.Members(epk, o.Decryption.Crv) {
		return refused("E_KEY")
	}
	if _, err := jose.Point(epk); err != nil {
		return refused("E_KEY")
	}
	alg, _ := h.Text("alg")
	if enc, _ := h.Text("enc"); alg != "ECDH-ES" || enc != "A256GCM" {
		return refused("E_ALG")
	}
	if cty, _ := h.Get("cty"); cty != any("JWT") {
		return refused("E_CTY")
	}
	return nil
}

// Table makes the table of signing keys; a thumbprint under two identities is a mistake of the configuration.
func Table(keys value.Object) (map[string]Signer, error) {
	table := map[string]Signer{}
	for _, m := range keys {
		set, _ := m.Value.(value.Object)
		list, _ := set.List("keys")
		for _, v := range list {
			jwk, _ := v.(value.Object)
			key, err := jose.Configured(jwk)
			if err != nil {
				return nil, fault.Caller()
			}
			kid := key.Thumbprint()
			if other, ok := table[kid]; ok && other.Identity != m.Name {
				return nil, fault.Caller()
			}
			table[kid] = Signer{m.Name, key}
		}
	}
	return table, nil
}
