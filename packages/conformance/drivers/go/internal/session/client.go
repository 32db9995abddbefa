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

func (c *conn) lim() value.Member {
	return member("lim", value.Object{member("msg", c.limit("messageBytes"))})
}

func (c *conn) sendHello() {
	kex := []any{}
	for _, suite := range c.st {
		kex = append(kex, c.ephemeral[suite].JWK)
	}
	ch := value.Object{
		member("typ", "sealwire-ch"), member("v", 1), member("rnd", wire.Encode(c.rnd)), member("aud", c.serverID),
		member("prt", list(c.prt)), member("st", list(c.st)), member("kex", kex), member("lvl", list(c.lvl)),
		member("sig", list(c.sig)), member("cod", list(c.cod)), c.lim(),
	}
	c.m1 = string(value.WriteJSON(ch))
	c.out.send(c.bare(ch))
	c.state = waitSH
}

// read does the steps frame and encoding of a message of the handshake; most is the size that its object can have.
func (c *conn) read(m wire.Message, most int64) (*wire.Frame, error) {
	return wire.Read(c.text, m, int(min(most, c.limit("messageBytes"))))
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

func (c *conn) onServerHello(m wire.Message) error {
	f, err := c.read(m, c.limit("messageBytes"))
	if err != nil {
		return err
	}
	if f.Form == wire.Bare {
		return serverError(f)
	}
	if f.Form != wire.JWS {
		return fault.New("E_HEADER", "header")
	}
	if c.resuming != nil {
		return c.onResumeServerHello(f)
	}
	h, err := jose.ParseHeader(f.Parts[0], "sealwire-sh+jwt", "alg", "cty", "kid", "typ")
	if err != nil {
		return err
	}
	kid, _ := h.Text("kid")
	key, pinned := c.pinned[kid]
	if !pinned {
		return fault.New("E_KEY", "header")
	}
	if alg, _ := h.Text("alg"); alg != key.Alg() || !slices.Contains(c.sig, alg) {
		return fault.New("E_ALG", "header")
	}
	if h.Has("cty") {
		return fault.New("E_CTY", "header")
	}
	c.m2, _ = f.Expand(nil, nil)
	payload, err := key.VerifyBy(c.m2)
	if err != nil {
		return fault.New("E_SIG_SERVER", "crypto")
	}
	s, err := parseServerHello(payload, false)
	if err != nil {
		return err
	}
	return c.acceptServerHello(s, key)
}

// acceptServerHello does the part of step claims that looks at the client's offer.
func (c *conn) acceptServerHello(s *serverHello, key *jose.Public) error {
	refused := func(code string) error { return fault.New(code, "claims") }
	signs := claims.Signs(s.lvl)
	switch {
	case s.iss != c.serverID:
		return refused("E_KEY")
	case s.th != wire.Encode(kdf.TH("ch", []byte(c.m1))):
		return refused("E_TRANSCRIPT")
	case s.prt != c.protocol:
		return refused("E_DOWNGRADE")
	case !slices.Contains(c.st, s.st), !slices.Contains(c.lvl, s.lvl), !slices.Contains(c.cod, s.cod),
		signs && s.pop != "required", s.seq == "window" && (!c.window || s.res != 0), s.pop == "required" && c.proof == nil:
		return refused("E_NEGOTIATE")
	}
	if err := c.agree(s); err != nil {
		return err
	}
	c.selected = selection{
		suite: s.st, level: s.lvl, codec: s.cod, window: s.seq == "window", popRequired: s.pop == "required", res: s.res,
	}
	c.peerKey, c.peerMsg = key, s.msg
	return c.sendAuth()
}

// agree checks the key of SH and the clock, and derives from the one what the session starts with.
func (c *conn) agree(s *serverHello) error {
	refused := func(code string) error { return fault.New(code, "claims") }
	if !jose.Members(s.epk, suiteCurves[s.st]) {
		return refused("E_CLAIMS")
	}
	epk, err := jose.Point(s.epk)
	if err != nil {
		return refused("E_KEY")
	}
	offset := s.iat - c.now
	far := max(offset, -offset)
	if far > c.limit("clockOffsetMaxSeconds") || claims.Signs(s.lvl) && far > c.limit("clockOffsetWarnSeconds") {
		return refused("E_FUTURE")
	}
	if c.z, err = c.ephemeral[s.st].Agree(epk); err != nil {
		return refused("E_KEY")
	}
	c.offset, c.helloAt, c.th2 = offset, s.iat, kdf.TH("th2", []byte(c.m1), []byte(c.m2))
	return nil
}

// early and late derive with the two contexts of a handshake.
func (c *conn) early() kdf.Schedule { return kdf.Schedule{Z: c.z, Salt: c.th2, Context: c.th2} }
func (c *conn) late() kdf.Schedule  { return kdf.Schedule{Z: c.z, Salt: c.th2, Context: c.th3} }

func (c *conn) sendAuth() error {
	now := c.serverTime()
	ca := value.Object{
		member("aud", c.serverID), member("iat", now), member("exp", now+c.limit("clientAuthLifeSeconds")),
		member("th", wire.Encode(c.th2)),
	}
	if c.proof != nil && c.upgrade != "" {
		ca = append(ca, member("ath", tokenHash(c.upgrade)))
	} else {
		ca = append(ca, member("at", c.token))
	}
	plaintext := string(value.WriteJSON(ca))
	if c.proof != nil {
		header := `{"alg":"` + c.proof.Alg() + `","jwk":` + string(value.WriteJSON(c.proof.JWK)) + `,"typ":"sealwire-auth+jwt"}`
		signed, err := c.proof.Sign(header, []byte(plaintext))
		if err != nil {
			return fault.New("E_INTERNAL", "local")
		}
		plaintext = signed
	}
	keys := c.early().Keys("c hs")
	f := jose.Encrypt(keys.Key, wire.Nonce(keys.IV, 0), authHeader(keys.Kid, c.proof != nil), []byte(plaintext))
	m, err := f.Encode(c.text)
	if err != nil {
		return err
	}
	c.out.send(m)
	c.th3 = kdf.TH("th3", c.th2, []byte(plaintext))
	c.state = waitSR
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
