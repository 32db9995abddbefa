package session

import (
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/token"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

func (c *conn) onClientHello(m wire.Message) error {
	f, err := c.read(m, c.limit("clientHelloBytes"))
	if err != nil {
		return err
	}
	if f.Form == wire.JWS {
		return c.onResumeClientHello(f)
	}
	if f.Form != wire.Bare {
		return fault.New("E_HEADER", "header")
	}
	h, err := parseClientHello(f.Parts[0])
	if err != nil {
		return err
	}
	if err := c.addressed(h); err != nil {
		return err
	}
	if !c.choose(h) {
		return fault.New("E_NEGOTIATE", "claims")
	}
	c.m1, c.peerMsg = string(f.Parts[0]), h.msg
	peer, err := c.kexKey(h)
	if err != nil {
		return err
	}
	return c.sendServerHello(peer)
}

// addressed checks that CH is for this server, in this version and over this subprotocol.
func (c *conn) addressed(h *hello) error {
	if h.version != 1 {
		return fault.New("E_NEGOTIATE", "claims")
	}
	if prt, _ := first(h.prt, c.prt); prt != c.protocol {
		return fault.New("E_DOWNGRADE", "claims")
	}
	if h.aud != c.serverID {
		return fault.New("E_NEGOTIATE", "claims")
	}
	return nil
}

// choose selects suite, level, codec and algorithm in the client's order.
func (c *conn) choose(h *hello) bool {
	algs := []string{}
	for _, k := range c.identity {
		algs = append(algs, k.Alg())
	}
	s := selection{window: c.window}
	if !c.window {
		s.res = c.res
	}
	var ok [4]bool
	s.suite, ok[0] = first(h.st, c.st)
	s.level, ok[1] = first(h.lvl, c.lvl)
	s.codec, ok[2] = first(h.cod, c.cod)
	s.alg, ok[3] = first(h.sig, algs)
	s.popRequired = c.popRequired || s.level == "sig" || s.level == "nest"
	c.selected = s
	return ok == [4]bool{true, true, true, true}
}

// kexKey checks every key of a known suite, and returns that of the selected one.
func (c *conn) kexKey(h *hello) (selected *jose.Public, err error) {
	keys := map[string]value.Object{}
	for i, suite := range h.st {
		curve, known := suiteCurves[suite]
		if !known {
			continue
		}
		jwk, _ := h.kex[i].(value.Object)
		if !jose.Members(jwk, curve) {
			return nil, badClaims
		}
		keys[suite] = jwk
	}
	for suite, jwk := range keys {
		key, err := jose.Point(jwk)
		if err != nil {
			return nil, fault.New("E_KEY", "claims")
		}
		if suite == c.selected.suite {
			selected = key
		}
	}
	return selected, nil
}

func (c *conn) sendServerHello(peer *jose.Public) error {
	for _, k := range c.identity {
		if k.Alg() == c.selected.alg {
			c.signer = k
			break
		}
	}
	body, err := c.serverHello(peer)
	if err != nil {
		return err
	}
	payload := value.WriteJSON(append(value.Object{member("iss", c.serverID)}, body...))
	header := `{"alg":"` + c.signer.Alg() + `","kid":"` + c.signer.Thumbprint() + `","typ":"sealwire-sh+jwt"}`
	if c.m2, err = c.signer.Sign(header, payload); err != nil {
		return fault.New("E_INTERNAL", "local")
	}
	c.th2, c.helloAt = kdf.TH("th2", []byte(c.m1), []byte(c.m2)), c.now
	c.state = waitCA
	return c.sendCompact(c.m2)
}

// serverHello makes the server's share and writes the members of SH but iss.
func (c *conn) serverHello(peer *jose.Public) (value.Object, error) {
	s := c.selected
	own := c.ephemeral[s.suite]
	var err error
	if c.z, err = own.Agree(peer); err != nil {
		return nil, fault.New("E_KEY", "claims")
	}
	pop, seq := "optional", "strict"
	if s.popRequired {
		pop = "required"
	}
	if s.window {
		seq = "window"
	}
	return value.Object{
		member("iat", c.now), member("th", wire.Encode(kdf.TH("ch", []byte(c.m1)))),
		member("rnd", wire.Encode(c.rnd)), member("prt", c.protocol), member("st", s.suite), member("epk", own.JWK),
		member("lvl", s.level), member("cod", s.codec),
		member("pol", value.Object{member("pop", pop), member("res", s.res), member("seq", seq)}), c.lim(),
	}, nil
}

// openZero decrypts CA or SR: seq 0 under keys of its own.
func openZero(f *wire.Frame, keys message.Keys) ([]byte, error) {
	if string(f.Parts[2]) != string(wire.Nonce(keys.IV, 0)) {
		return nil, fault.New("E_IV", "sequence")
	}
	if len(f.Parts[4]) != 16 {
		return nil, fault.New("E_CRYPTO", "crypto")
	}
	text, _ := f.Expand(nil, nil)
	plaintext, err := jose.DecryptDirect(text, keys.Key)
	if err != nil {
		return nil, fault.New("E_CRYPTO", "crypto")
	}
	return plaintext, nil
}

func (c *conn) onClientAuth(m wire.Message) error {
	f, err := c.read(m, c.limit("clientAuthBytes"))
	if err != nil {
		return err
	}
	keys := c.early().Keys("c hs")
	bearer, proof := authHeader(keys.Kid, false), authHeader(keys.Kid, true)
	if f.Form != wire.JWE || string(f.Parts[0]) != bearer && string(f.Parts[0]) != proof {
		return fault.New("E_HEADER", "header")
	}
	if c.waiting > c.limit("earlyDataBytes") {
		return fault.New("E_STATE", "commit")
	}
	plaintext, err := openZero(f, keys)
	if err != nil {
		return err
	}
	c.th3 = kdf.TH("th3", c.th2, plaintext)
	t, err := c.authenticate(plaintext, string(f.Parts[0]) == proof)
	if err != nil {
		refusal, _, _ := split(err)
		return coarse{refusal}
	}
	return c.sendReady(t)
}

func (c *conn) sendReady(t *token.Token) error {
	exp := min(t.Exp, c.now+c.limit("sessionSeconds"))
	keys := c.late().Keys("s hs")
	plaintext := value.WriteJSON(value.Object{
		member("th", wire.Encode(c.th3)), member("iat", c.now), member("exp", exp), member("sub", t.Sub),
		member("scp", list(t.Scopes)), member("cb", wire.Encode(c.late().Derive("cb", 32))),
	})
	m, err := jose.Encrypt(keys.Key, wire.Nonce(keys.IV, 0), readyHeader(keys.Kid), plaintext).Encode(c.text)
	if err != nil {
		return err
	}
	c.out.send(m)
	c.opens(grant{sub: t.Sub, scp: list(t.Scopes), began: c.now, exp: exp, token: t})
	return nil
}
