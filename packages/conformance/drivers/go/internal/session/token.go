package session

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

type issuer struct {
	name, audience  string
	keys            []value.Object
	typ, algorithms []string
}

func parseIssuer(o value.Object, serverID string) issuer {
	i := issuer{audience: serverID, typ: texts(o, "typ"), algorithms: texts(o, "algorithms")}
	i.name, _ = o.Text("issuer")
	if audience, ok := o.Text("audience"); ok {
		i.audience = audience
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

// accessToken is what a session takes from its token; jkt is empty for a bearer token.
type accessToken struct {
	sub, jkt string
	exp      int64
	scopes   []string
}

func tokenParts(token string) (header, payload value.Object, ok bool) {
	f, code := wire.Compact(token)
	if code != "" || f.Form != wire.JWS {
		return nil, nil, false
	}
	h, err := value.ParseAny(f.Parts[0])
	p, err2 := value.ParseAny(f.Parts[1])
	header, ok = h.(value.Object)
	payload, ok2 := p.(value.Object)
	return header, payload, err == nil && err2 == nil && ok && ok2
}

func keyBound(token string) bool {
	_, payload, _ := tokenParts(token)
	return payload.Has("cnf")
}

// verifyToken checks an access token by specs/session.md, section 6; all failures have one code.
func (e *Endpoint) verifyToken(token string) (*accessToken, error) {
	header, payload, ok := tokenParts(token)
	if !ok {
		return nil, errToken
	}
	iss, _ := payload.Text("iss")
	at := slices.IndexFunc(e.issuers, func(i issuer) bool { return i.name == iss })
	if at < 0 {
		return nil, errToken
	}
	by := e.issuers[at]
	typ, _ := header.Text("typ")
	if !slices.Contains(by.typ, typ) || !by.verifies(token, header) {
		return nil, errToken
	}
	if aud, ok := payload.Text("aud"); !(ok && aud == by.audience) && !slices.Contains(texts(payload, "aud"), by.audience) {
		return nil, errToken
	}
	t := &accessToken{}
	exp, _ := payload.Get("exp")
	end, ok := value.Float(exp)
	if !ok || end <= float64(e.now) {
		return nil, errToken
	}
	t.exp = int64(math.Floor(end))
	for _, name := range []string{"nbf", "iat"} {
		if v, has := payload.Get(name); has {
			if n, ok := value.Float(v); !ok || n > float64(e.now+e.limit("skewSeconds")) {
				return nil, errToken
			}
		}
	}
	if t.sub, ok = payload.Text("sub"); !ok || utf8.RuneCountInString(t.sub) > 256 {
		return nil, errToken
	}
	if payload.Has("cnf") {
		cnf, _ := payload.Object("cnf")
		if t.jkt, ok = cnf.Text("jkt"); !ok || len(cnf) != 1 || len(t.jkt) != 43 {
			return nil, errToken
		}
	}
	t.scopes = scopes(payload)
	return t, nil
}

// verifies lets the library verify the token under a key of its issuer; here a kid counts as published.
func (i issuer) verifies(token string, header value.Object) bool {
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
		if _, err := jose.Verify(token, alg, key); err == nil {
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
			return texts(payload, name)
		}
	}
	return []string{}
}
