// Package token checks access tokens (specs/session.md, section 6).
package token

import (
	"errors"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

var errToken = errors.New("not an acceptable token")

// MaxBytes is the largest token, unless an endpoint sets another limit.
const MaxBytes = 8192

// Issuer is what a verifier knows of an issuer.
type Issuer struct {
	name, audience  string
	keys            []value.Object
	typ, algorithms []string
}

// Issuers reads the issuers of a configuration; audience is that of an issuer which names none.
func Issuers(list []any, audience string) []Issuer {
	out := []Issuer{}
	for _, v := range list {
		o, _ := v.(value.Object)
		out = append(out, parseIssuer(o, audience))
	}
	return out
}

func parseIssuer(o value.Object, audience string) Issuer {
	i := Issuer{audience: audience, typ: o.Texts("typ"), algorithms: o.Texts("algorithms")}
	i.name, _ = o.Text("issuer")
	if own, ok := o.Text("audience"); ok {
		i.audience = own
	}
	if typ, ok := o.Text("typ"); ok {
		i.typ = []string{typ}
	}
	if len(i.typ) == 0 {
		i.typ = []string{"at+jwt"}
	}
	if len(i.algorithms) == 0 {
		i.algorithms = []string{"ES256", "Ed25519"}
	}
	set, _ := o.Object("keys")
	keys, _ := set.List("keys")
	for _, k := range keys {
		if jwk, ok := k.(value.Object); ok {
			i.keys = append(i.keys, jwk)
		}
	}
	return i
}

// Token is an authentic access token; Jkt is empty for a bearer token.
type Token struct {
	Iss, Sub, Jkt string
	Jti, ClientID string
	Exp           int64
	Issued        *float64 // iat
	Scopes        []string
	Payload       string // its bytes, which the signature covers

	addressed  bool
	end, start float64
}

func parts(text string) (header, payload value.Object, ok bool) {
	f, code := wire.CompactJWS(text)
	if code != "" {
		return nil, nil, false
	}
	h, err := value.ParseAny(f.Parts[0])
	p, err2 := value.ParseAny(f.Parts[1])
	header, ok = h.(value.Object)
	payload, ok2 := p.(value.Object)
	return header, payload, err == nil && err2 == nil && ok && ok2
}

// KeyBound tells the class of a token that is not verified yet.
func KeyBound(text string) bool {
	_, payload, _ := parts(text)
	return payload.Has("cnf")
}

// Read makes all checks but those of size, time and audience; all failures have one code.
func Read(text string, issuers []Issuer) (*Token, error) {
	header, payload, ok := parts(text)
	if !ok {
		return nil, errToken
	}
	t := &Token{Scopes: scopes(payload), start: math.Inf(-1)}
	t.Iss, _ = payload.Text("iss")
	at := slices.IndexFunc(issuers, func(i Issuer) bool { return i.name == t.Iss })
	if at < 0 {
		return nil, errToken
	}
	by := issuers[at]
	typ, _ := header.Text("typ")
	if !slices.Contains(by.typ, typ) || !by.verifies(text, header) {
		return nil, errToken
	}
	aud, ok := payload.Text("aud")
	t.addressed = ok && aud == by.audience || slices.Contains(payload.Texts("aud"), by.audience)
	exp, _ := payload.Get("exp")
	if t.end, ok = value.Float(exp); !ok {
		return nil, errToken
	}
	t.Exp = int64(math.Floor(t.end))
	for _, name := range []string{"nbf", "iat"} {
		if v, has := payload.Get(name); has {
			n, ok := value.Float(v)
			if !ok {
				return nil, errToken
			}
			t.start = max(t.start, n)
			if name == "iat" {
				t.Issued = &n
			}
		}
	}
	t.Jti, _ = payload.Text("jti")
	t.ClientID, _ = payload.Text("client_id")
	t.Payload = strings.Split(text, ".")[1]
	if t.Sub, ok = payload.Text("sub"); !ok || utf8.RuneCountInString(t.Sub) > 256 {
		return nil, errToken
	}
	if payload.Has("cnf") {
		cnf, _ := payload.Object("cnf")
		if t.Jkt, ok = cnf.Text("jkt"); !ok || len(cnf) != 1 || len(t.Jkt) != 43 {
			return nil, errToken
		}
	}
	return t, nil
}

// Admits makes the checks of time and audience.
func (t *Token) Admits(now, tolerance int64) bool {
	return t.addressed && t.end > float64(now) && t.start <= float64(now+tolerance)
}

// Same tells whether two tokens are of the same principal, client and class.
func (t *Token) Same(other *Token) bool {
	return t.Iss == other.Iss && t.Sub == other.Sub && t.ClientID == other.ClientID && t.Jkt == other.Jkt
}

// verifies lets the library verify the token under a key of its issuer; here a kid counts as published.
func (i Issuer) verifies(text string, header value.Object) bool {
	name, _ := header.Text("alg")
	alg, known := jwa.LookupSignatureAlgorithm(name)
	if !known || !slices.Contains(i.algorithms, name) {
		return false
	}
	kid, named := header.Text("kid")
	for _, jwk := range i.keys {
		if published, ok := jwk.Text("kid"); named && ok && published != kid {
			continue
		}
		if fixed, ok := jwk.Text("alg"); ok && fixed != name {
			continue
		}
		key, err := jose.Import(jwk)
		if err != nil {
			continue
		}
		if _, err := jose.Verify(text, alg, key); err == nil {
			return true
		}
	}
	return false
}

func scopes(payload value.Object) []string {
	for _, name := range []string{"scope", "scp"} {
		if text, ok := payload.Text(name); ok {
			return strings.Fields(text)
		}
		if _, ok := payload.List(name); ok {
			return payload.Texts(name)
		}
	}
	return []string{}
}
