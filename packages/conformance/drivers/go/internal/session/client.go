package session

import (
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

var suiteCurves = map[string]string{"p256": "P-256", "x25519": "X25519"}

func list(names []string) []any {
	out := []any{}
	for _, n := range names {
		out = append(out, n)
	}
	return out
}

func (e *Endpoint) lim() value.Member {
	return member("lim", value.Object{member("msg", e.limit("messageBytes"))})
}

func (e *Endpoint) sendHello() {
	kex := []any{}
	for _, suite := range e.st {
		kex = append(kex, e.ephemeral[suite].JWK)
	}
	ch := value.Object{
		member("typ", "sealwire-ch"), member("v", 1), member("rnd", wire.Encode(e.rnd)), member("aud", e.serverID),
		member("prt", list(e.prt)), member("st", list(e.st)), member("kex", kex), member("lvl", list(e.lvl)),
		member("sig", list(e.sig)), member("cod", list(e.cod)), e.lim(),
	}
	e.m1 = string(value.WriteJSON(ch))
	e.out.send(e.bare(ch))
	e.state = waitSH
}

// read does the steps frame and encoding of a message of the handshake; most is the size that its object can have.
func (e *Endpoint) read(m wire.Message, most int64) (*wire.Frame, error) {
	return wire.Read(e.text, m, int(min(most, e.limit("messageBytes"))))
}

// serverError reads a bare JSON message before SR.
func serverError(f *wire.Frame) error {
	o, err := value.ParseJSON(f.Parts[0])
	typ, _ := o.Text("typ")
	code, ok := o.Text("code")
	if err != nil || typ != "sealwire-err" || !ok {
		return fault.New("E_HEADER", "header")
	}
	known := fault.Claimed[code]
	if known == "" || code == "revoked" {
		known = "E_CLOSED"
	}
	return fromPeer{fault.New(known, "local"), code}
}

func (e *Endpoint) onServerHello(m wire.Message) error {
	f, err := e.read(m, e.limit("messageBytes"))
	if err != nil {
		return err
	}
	if f.Form == wire.Bare {
		return serverError(f)
	}
	if f.Form != wire.JWS {
		return fault.New("E_HEADER", "header")
	}
	h, err := jose.ParseHeader(f.Parts[0], "sealwire-sh+jwt", "alg", "cty", "kid", "typ")
	if err != nil {
		return err
	}
	kid, _ := h.Text("kid")
	key, pinned := e.pinned[kid]
	if !pinned {
		return fault.New("E_KEY", "header")
	}
	if alg, _ := h.Text("alg"); alg != key.Alg() || !slices.Contains(e.sig, alg) {
		return fault.New("E_ALG", "header")
	}
	if h.Has("cty") {
		return fault.New("E_CTY", "header")
	}
	e.m2, _ = f.Expand(nil, nil)
	payload, err := key.VerifyBy(e.m2)
	if err != nil {
		return fault.New("E_SIG_SERVER", "crypto")
	}
	s, err := parseServerHello(payload)
	if err != nil {
		return err
	}
	return e.acceptServerHello(s, key)
}

// acceptServerHello does the part of step claims that looks at the client's offer.
func (e *Endpoint) acceptServerHello(s *serverHello, key *jose.Public) error {
	refused := func(code string) error { return fault.New(code, "claims") }
	signs := claims.Signs(s.lvl)
	switch {
	case s.iss != e.serverID:
		return refused("E_KEY")
	case s.th != wire.Encode(kdf.TH("ch", []byte(e.m1))):
		return refused("E_TRANSCRIPT")
	case s.prt != e.protocol:
		return refused("E_DOWNGRADE")
	case !slices.Contains(e.st, s.st), !slices.Contains(e.lvl, s.lvl), !slices.Contains(e.cod, s.cod),
		signs && s.pop != "required", s.res != 0, s.seq == "window" && !e.window, s.pop == "required" && e.proof == nil:
		return refused("E_NEGOTIATE")
	case !jose.Members(s.epk, suiteCurves[s.st]):
		return refused("E_CLAIMS")
	}
	epk, err := jose.Point(s.epk)
	if err != nil {
		return refused("E_KEY")
	}
	offset := s.iat - e.now
	far := max(offset, -offset)
	if far > e.limit("clockOffsetMaxSeconds") || signs && far > e.limit("clockOffsetWarnSeconds") {
		return refused("E_FUTURE")
	}
	z, err := e.ephemeral[s.st].Agree(epk)
	if err != nil {
		return refused("E_KEY")
	}
	e.offset, e.peerMsg = offset, s.msg
	e.selected = selection{suite: s.st, level: s.lvl, codec: s.cod, window: s.seq == "window"}
	e.schedule = kdf.Schedule{Z: z, TH2: kdf.TH("th2", []byte(e.m1), []byte(e.m2))}
	e.peerKey = key
	return e.sendAuth()
}

func (e *Endpoint) sendAuth() error {
	now := e.serverTime()
	ca := value.Object{
		member("aud", e.serverID), member("iat", now), member("exp", now+e.limit("clientAuthLifeSeconds")),
		member("th", wire.Encode(e.schedule.TH2)),
	}
	if e.proof != nil && e.upgradeToken != "" {
		ca = append(ca, member("ath", tokenHash(e.upgradeToken)))
	} else {
		ca = append(ca, member("at", e.token))
	}
	plaintext := string(value.WriteJSON(ca))
	if e.proof != nil {
		header := `{"alg":"` + e.proof.Alg() + `","jwk":` + string(value.WriteJSON(e.proof.JWK)) + `,"typ":"sealwire-auth+jwt"}`
		signed, err := e.proof.Sign(header, []byte(plaintext))
		if err != nil {
			return fault.New("E_INTERNAL", "local")
		}
		plaintext = signed
	}
	keys := e.schedule.Keys("c hs")
	f := jose.Encrypt(keys.Key, wire.Nonce(keys.IV, 0), authHeader(keys.Kid, e.proof != nil), []byte(plaintext))
	m, err := f.Encode(e.text)
	if err != nil {
		return err
	}
	e.out.send(m)
	e.schedule.TH3 = kdf.TH("th3", e.schedule.TH2, []byte(plaintext))
	e.state = waitSR
	return nil
}

func authHeader(kid string, proof bool) string {
	cty := ""
	if proof {
		cty = `"cty":"JWT",`
	}
	return `{"alg":"dir","enc":"A256GCM",` + cty + `"kid":"` + kid + `","typ":"sealwire-ca+jwt"}`
}

func readyHeader(kid string) string {
	return `{"alg":"dir","enc":"A256GCM","kid":"` + kid + `","typ":"sealwire-sr+jwt"}`
}

func (e *Endpoint) onServerReady(m wire.Message) error {
	f, err := e.read(m, e.limit("messageBytes"))
	if err != nil {
		return err
	}
	if f.Form == wire.Bare {
		return serverError(f)
	}
	keys := e.schedule.Keys("s hs")
	if f.Form != wire.JWE || string(f.Parts[0]) != readyHeader(keys.Kid) {
		return fault.New("E_HEADER", "header")
	}
	plaintext, err := openZero(f, keys)
	if err != nil {
		return err
	}
	o, err := value.ParseJSON(plaintext)
	if err != nil {
		return badClaims
	}
	_, th := hash(o, "th", 32)
	iat, ok := o.Integer("iat")
	exp, ok2 := o.Integer("exp")
	sub, ok3 := o.Text("sub")
	scopes, ok4 := o.List("scp")
	for _, s := range scopes {
		_, text := s.(string)
		ok4 = ok4 && text
	}
	cb, binding := o.Get("cb")
	_, binds := cb.(string)
	if !th || !ok || !ok2 || !ok3 || !ok4 || binding && !binds || exp < iat {
		return badClaims
	}
	got, _ := o.Text("th")
	if got != wire.Encode(e.schedule.TH3) || binding && cb != wire.Encode(e.schedule.Derive("cb", 32)) {
		return fault.New("E_TRANSCRIPT", "claims")
	}
	now, skew := e.serverTime(), e.limit("skewSeconds")
	if iat > now+skew || now >= exp+skew {
		return fault.New("E_SESSION_EXPIRED", "claims")
	}
	e.goLive(sub, scopes, exp)
	return nil
}
