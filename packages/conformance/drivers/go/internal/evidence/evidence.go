// Package evidence verifies evidence bundles (specs/envelope.md, section 12).
package evidence

import (
	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/token"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Bundle is an evidence bundle; Token is empty where it has none.
type Bundle struct {
	JWS, Token string
	JWK        value.Object
}

// Verifier knows the issuers of tokens and the pinned keys of one server.
type Verifier struct {
	Issuers  []token.Issuer
	ServerID string
	Pinned   map[string]*jose.Public
}

// Proof is what a bundle proves. Client is the token of a client, nil where a server has signed.
type Proof struct {
	Message    *claims.Application
	Thumbprint string
	Client     *token.Token
}

// Verify runs the four steps of the section.
func (v *Verifier) Verify(b Bundle) (*Proof, error) {
	f, code := wire.CompactJWS(b.JWS)
	if code != "" {
		return nil, fault.New(code, "encoding")
	}
	key, codec, err := header(f.Parts[0], b.JWK)
	if err != nil {
		return nil, err
	}
	payload, err := key.VerifyBy(b.JWS)
	if err != nil {
		return nil, fault.New("E_CRYPTO", "crypto")
	}
	p := &Proof{Thumbprint: key.Thumbprint()}
	if p.Message, err = claims.ReadApplication(payload, codec, "nest"); err != nil {
		return nil, err
	}
	return p, v.link(p, b.Token)
}

// header checks the header and the key that it has to name. It gives the codec, of which cty tells.
func header(bytes []byte, jwk value.Object) (key *jose.Public, codec string, err error) {
	refused := func(code string) error { return fault.New(code, "header") }
	h, err := jose.ParseHeader(bytes, "sealwire+jwt", "alg", "cty", "kid", "typ")
	if err != nil {
		return nil, "", err
	}
	key, err = jose.Signing(jwk)
	if kid, _ := h.Text("kid"); err != nil || kid != key.Thumbprint() {
		return nil, "", refused("E_KEY")
	}
	if alg, _ := h.Text("alg"); alg != key.Alg() {
		return nil, "", refused("E_ALG")
	}
	codec = "json"
	if cty, has := h.Get("cty"); has {
		if cty != any("sealwire+cbor") {
			return nil, "", refused("E_CTY")
		}
		codec = "cbor"
	}
	return key, codec, nil
}

// link finds out whose key it is. The token may have expired, and its audience is the server's affair.
func (v *Verifier) link(p *Proof, text string) error {
	refused := func(code string) error { return fault.New(code, "claims") }
	if p.Message.Iss != p.Thumbprint {
		if _, pinned := v.Pinned[p.Thumbprint]; !pinned || p.Message.Iss != v.ServerID {
			return refused("E_KEY")
		}
		return nil
	}
	if len(text) > token.MaxBytes {
		return refused("E_TOKEN")
	}
	t, err := token.Read(text, v.Issuers)
	if err != nil {
		return refused("E_TOKEN")
	}
	if t.Jkt != p.Thumbprint {
		return refused("E_POP")
	}
	p.Client = t
	return nil
}
