package session

import (
	"bytes"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// holder finds the session that holds a chain.
func (e *Endpoint) holder(kid string) (*session, kdf.Chain) {
	s := e.session
	if s == nil || !s.continues() {
		return nil, nil
	}
	at := slices.IndexFunc(s.chains, func(c kdf.Chain) bool { return c.Kid() == kid })
	if at < 0 {
		return nil, nil
	}
	return s, s.chains[at]
}

// holds tells whether the session can still be taken up with a chain.
func (s *session) holds(chain kdf.Chain) bool {
	return s.continues() && slices.ContainsFunc(s.chains, func(c kdf.Chain) bool { return bytes.Equal(c, chain) })
}

// onResumeClientHello checks the CH of a resume in the order of specs/lifecycle.md, section 7.
func (c *conn) onResumeClientHello(f *wire.Frame) error {
	header, err := jose.ParseHeader(f.Parts[0], "sealwire-ch+jwt", "alg", "cty", "kid", "typ")
	if err != nil {
		return err
	}
	kid, _ := header.Text("kid")
	s, chain := c.holder(kid)
	if s == nil {
		return fault.New("E_RESUME", "header")
	}
	if alg, _ := header.Text("alg"); alg != "HS256" {
		return fault.New("E_ALG", "header")
	}
	if header.Has("cty") {
		return fault.New("E_CTY", "header")
	}
	c.m1, _ = f.Expand(nil, nil)
	payload, err := jose.Verify(c.m1, jwa.HS256(), jose.Symmetric(chain.HelloKey("c")))
	if err != nil {
		return fault.New("E_CRYPTO", "crypto")
	}
	h, err := parseResumeHello(payload)
	if err != nil {
		return err
	}
	if err := c.addressed(h); err != nil {
		return err
	}
	if !slices.Equal(h.st, []string{s.agreed.suite}) || h.msg != s.peerMsg || !s.canSendFrom(h.rcv) || !c.admits(s, h.ath) {
		return fault.New("E_RESUME", "session")
	}
	if s.resumesLeft() < 1 {
		return fault.New("E_QUOTA", "rate")
	}
	c.selected = s.agreed
	peer, err := c.kexKey(h)
	if err != nil {
		return err
	}
	c.resuming = &resumption{session: s, chain: chain, own: int64(s.committed()), peer: h.rcv}
	return c.sendResumeServerHello(peer)
}

// resumesLeft is what the session has of its resumes.
func (s *session) resumesLeft() float64 {
	most := float64(s.limit("resumesPerMinute"))
	s.resumes.units = min(most, s.resumes.units+float64(s.now-s.resumes.at)*most/60)
	s.resumes.at = s.now
	return s.resumes.units
}

// admits compares the token of the upgrade with that of the session.
func (c *conn) admits(s *session, ath string) bool {
	if c.upgrade == "" {
		return ath == ""
	}
	t := c.acceptable(c.upgrade)
	return ath == tokenHash(c.upgrade) && t != nil && t.Same(s.grant.token)
}

func (c *conn) sendResumeServerHello(peer *jose.Public) error {
	r := c.resuming
	body, err := c.serverHello(peer)
	if err != nil {
		return err
	}
	payload := value.WriteJSON(append(body, rs(r.own)))
	c.m2 = jose.SignHMAC(r.chain.HelloKey("s"), resumeHeader(r.chain, "sealwire-sh+jwt"), payload)
	c.th2 = kdf.TH("th2", []byte(c.m1), []byte(c.m2))
	c.derive()
	c.state = waitResumed
	return c.sendCompact(c.m2)
}
