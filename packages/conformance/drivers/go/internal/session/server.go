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

func (e *Endpoint) onClientHello(m wire.Message) error {
	f, err := e.read(m, e.limit("clientHelloBytes"))
	if err != nil {
		return err
	}
	if f.Form != wire.Bare {
		return fault.New("E_HEADER", "header")
	}
	h, err := parseClientHello(f.Parts[0])
	if err != nil {
		return err
	}
	refused := func(code string) error { return fault.New(code, "claims") }
	if h.version != 1 {
		return refused("E_NEGOTIATE")
	}
	if prt, _ := first(h.prt, e.prt); prt != e.protocol {
		return refused("E_DOWNGRADE")
	}
	if h.aud != e.serverID || !e.choose(h) {
		return refused("E_NEGOTIATE")
	}
	e.m1, e.peerMsg = string(f.Parts[0]), h.msg
	peer, err := e.kexKey(h)
	if err != nil {
		return err
	}
	return e.sendServerHello(peer)
}

// choose selects suite, level, codec and algorithm in the client's order.
func (e *Endpoint) choose(h *hello) bool {
	algs := []string{}
	for _, k := range e.identity {
		algs = append(algs, k.Alg())
	}
	s := selection{window: e.window}
	var ok [4]bool
	s.suite, ok[0] = first(h.st, e.st)
	s.level, ok[1] = first(h.lvl, e.lvl)
	s.codec, ok[2] = first(h.cod, e.cod)
	s.alg, ok[3] = first(h.sig, algs)
	s.popRequired = e.popRequired || s.level == "sig" || s.level == "nest"
	e.selected = s
	return ok == [4]bool{true, true, true, true}
}

// kexKey checks every key of a known suite, and returns that of the selected one.
func (e *Endpoint) kexKey(h *hello) (selected *jose.Public, err error) {
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
		if suite == e.selected.suite {
			selected = key
		}
	}
	return selected, nil
}

func (e *Endpoint) sendServerHello(peer *jose.Public) error {
	own := e.ephemeral[e.selected.suite]
	z, err := own.Agree(peer)
	if err != nil {
		return fault.New("E_KEY", "claims")
	}
	for _, k := range e.identity {
		if k.Alg() == e.selected.alg {
			e.signer = k
			break
		}
	}
	pop, seq := "optional", "strict"
	if e.selected.popRequired {
		pop = "required"
	}
	if e.selected.window {
		seq = "window"
	}
	payload := value.WriteJSON(value.Object{
		member("iss", e.serverID), member("iat", e.now), member("th", wire.Encode(kdf.TH("ch", []byte(e.m1)))),
		member("rnd", wire.Encode(e.rnd)), member("prt", e.protocol), member("st", e.selected.suite), member("epk", own.JWK),
		member("lvl", e.selected.level), member("cod", e.selected.codec),
		member("pol", value.Object{member("pop", pop), member("res", 0), member("seq", seq)}), e.lim(),
	})
	header := `{"alg":"` + e.signer.Alg() + `","kid":"` + e.signer.Thumbprint() + `","typ":"sealwire-sh+jwt"}`
	if e.m2, err = e.signer.Sign(header, payload); err != nil {
		return fault.New("E_INTERNAL", "local")
	}
	f, _ := wire.Compact(e.m2)
	m, err := f.Encode(e.text)
	if err != nil {
		return err
	}
	e.out.send(m)
	e.schedule = kdf.Schedule{Z: z, TH2: kdf.TH("th2", []byte(e.m1), []byte(e.m2))}
	e.state = waitCA
	return nil
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

func (e *Endpoint) onClientAuth(m wire.Message) error {
	f, err := e.read(m, e.limit("clientAuthBytes"))
	if err != nil {
		return err
	}
	keys := e.schedule.Keys("c hs")
	bearer, proof := authHeader(keys.Kid, false), authHeader(keys.Kid, true)
	if f.Form != wire.JWE || string(f.Parts[0]) != bearer && string(f.Parts[0]) != proof {
		return fault.New("E_HEADER", "header")
	}
	if e.waiting > e.limit("earlyDataBytes") {
		return fault.New("E_STATE", "commit")
	}
	plaintext, err := openZero(f, keys)
	if err != nil {
		return err
	}
	e.schedule.TH3 = kdf.TH("th3", e.schedule.TH2, plaintext)
	t, err := e.authenticate(plaintext, string(f.Parts[0]) == proof)
	if err != nil {
		refusal, _, _ := split(err)
		return coarse{refusal}
	}
	return e.sendReady(t)
}

func (e *Endpoint) sendReady(t *token.Token) error {
	exp := min(t.Exp, e.now+e.limit("sessionSeconds"))
	keys := e.schedule.Keys("s hs")
	plaintext := value.WriteJSON(value.Object{
		member("th", wire.Encode(e.schedule.TH3)), member("iat", e.now), member("exp", exp), member("sub", t.Sub),
		member("scp", list(t.Scopes)), member("cb", wire.Encode(e.schedule.Derive("cb", 32))),
	})
	m, err := jose.Encrypt(keys.Key, wire.Nonce(keys.IV, 0), readyHeader(keys.Kid), plaintext).Encode(e.text)
	if err != nil {
		return err
	}
	e.out.send(m)
	e.goLive(t.Sub, list(t.Scopes), exp)
	return nil
}
