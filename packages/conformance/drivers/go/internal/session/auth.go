package session

import (
	"crypto/sha256"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/token"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return wire.Encode(sum[:])
}

// clientAuth are the claims of CA.
type clientAuth struct {
	aud, th, at, ath string
	iat, exp         int64
}

func parseAuth(text []byte) (*clientAuth, error) {
	o, err := value.ParseJSON(text)
	if err != nil {
		return nil, badClaims
	}
	c := &clientAuth{}
	var ok [5]bool
	c.aud, ok[0] = o.Text("aud")
	c.iat, ok[1] = o.Integer("iat")
	c.exp, ok[2] = o.Integer("exp")
	_, ok[3] = hash(o, "th", 32)
	c.th, _ = o.Text("th")
	if o.Has("at") {
		c.at, ok[4] = o.Text("at")
	} else {
		_, ok[4] = hash(o, "ath", 32)
		c.ath, _ = o.Text("ath")
	}
	if ok != [5]bool{true, true, true, true, true} || o.Has("at") && o.Has("ath") || !claims.Identifier(c.aud) || c.exp < c.iat {
		return nil, badClaims
	}
	return c, nil
}

// authenticate checks a decrypted CA in the order of specs/session.md, section 5.
func (c *conn) authenticate(plaintext []byte, proof bool) (*token.Token, error) {
	body := plaintext
	var key *jose.Public
	if proof {
		f, err := message.Inner(plaintext)
		if err != nil {
			return nil, err
		}
		if key, err = proofKey(f.Parts[0]); err != nil {
			return nil, err
		}
		body = f.Parts[1]
	}
	ca, err := parseAuth(body)
	if err != nil {
		return nil, err
	}
	refused := func(code string) error { return fault.New(code, "claims") }
	switch {
	case ca.th != wire.Encode(c.th2):
		return nil, refused("E_TRANSCRIPT")
	case ca.aud != c.serverID:
		return nil, refused("E_BINDING")
	case claims.CheckTime(&ca.iat, ca.exp, c.now, c.limit("skewSeconds"), c.limit("clientAuthLifeSeconds")) != nil:
		return nil, refused("E_POP")
	case !proof && ca.ath != "":
		return nil, refused("E_POP")
	}
	text := ca.at
	if ca.ath != "" {
		text = c.upgrade
	}
	mismatch := ca.ath != "" && (text == "" || ca.ath != tokenHash(text)) ||
		!proof && c.upgrade != "" && ca.at != c.upgrade
	if mismatch {
		return nil, refused("E_TOKEN")
	}
	t := c.acceptable(text)
	if t == nil {
		return nil, refused("E_TOKEN")
	}
	switch {
	case !proof && t.Jkt != "",
		proof && t.Jkt == "",
		!proof && c.selected.popRequired,
		ca.at != "" && c.upgrade != "" && token.KeyBound(c.upgrade):
		return nil, refused("E_POP")
	}
	if !proof {
		return t, nil
	}
	if key.Thumbprint() != t.Jkt {
		return nil, refused("E_POP")
	}
	if _, err := key.VerifyBy(string(plaintext)); err != nil {
		return nil, refused("E_POP")
	}
	c.peerKey = key
	return t, nil
}

// acceptable reads a token that the server takes now; nil is one that it does not take.
func (e *Endpoint) acceptable(text string) *token.Token {
	if int64(len(text)) > e.limit("tokenBytes") {
		return nil
	}
	t, err := token.Read(text, e.issuers)
	if err != nil || !t.Admits(e.now, e.limit("skewSeconds")) || e.isRevoked(t) {
		return nil
	}
	return t
}

// proofKey checks the header of the inner JWS of CA.
func proofKey(header []byte) (*jose.Public, error) {
	h, err := jose.ParseHeader(header, "sealwire-auth+jwt", "alg", "cty", "jwk", "typ")
	if err != nil {
		return nil, err
	}
	jwk, _ := h.Object("jwk")
	crv, _ := jwk.Text("crv")
	key, err := jose.Point(jwk)
	if err != nil || key.Alg() == "" || !jose.Members(jwk, crv) {
		return nil, fault.New("E_KEY", "header")
	}
	if alg, _ := h.Text("alg"); alg != key.Alg() {
		return nil, fault.New("E_ALG", "header")
	}
	if h.Has("cty") {
		return nil, fault.New("E_CTY", "header")
	}
	return key, nil
}
