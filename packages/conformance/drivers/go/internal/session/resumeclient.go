package session

import (
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

func resumeHeader(chain kdf.Chain, typ string) string {
	return `{"alg":"HS256","kid":"` + chain.Kid() + `","typ":"` + typ + `"}`
}

func rs(rcv int64) value.Member {
	return member("rs", value.Object{member("rcv", rcv)})
}

// sendResumeHello asks to go on with the session here; nothing else of it lives.
func (c *conn) sendResumeHello(s *session, chain kdf.Chain) error {
	c.resuming = &resumption{session: s, chain: chain, own: int64(s.committed())}
	suite := s.agreed.suite
	ch := value.Object{
		member("typ", "sealwire-ch"), member("v", 1), member("rnd", wire.Encode(c.rnd)), member("aud", c.serverID),
		member("prt", list(c.prt)), member("st", []any{suite}), member("kex", []any{c.ephemeral[suite].JWK}),
		member("lvl", []any{s.agreed.level}), member("sig", list(c.sig)), member("cod", []any{s.agreed.codec}), c.lim(), rs(c.resuming.own),
	}
	if c.upgrade != "" {
		ch = append(ch, member("ath", tokenHash(c.upgrade)))
	}
	c.m1 = jose.SignHMAC(chain.HelloKey("c"), resumeHeader(chain, "sealwire-ch+jwt"), value.WriteJSON(ch))
	c.state = waitSH
	return c.sendCompact(c.m1)
}

// onResumeServerHello checks the answer to a resume, and confirms.
func (c *conn) onResumeServerHello(f *wire.Frame) error {
	r := c.resuming
	if string(f.Parts[0]) != resumeHeader(r.chain, "sealwire-sh+jwt") {
		return fault.New("E_HEADER", "header")
	}
	c.m2, _ = f.Expand(nil, nil)
	payload, err := jose.Verify(c.m2, jwa.HS256(), jose.Symmetric(r.chain.HelloKey("s")))
	if err != nil {
		return fault.New("E_SIG_SERVER", "crypto")
	}
	h, err := parseServerHello(payload, true)
	if err != nil {
		return err
	}
	s, refused := r.session, func(code string) error { return fault.New(code, "claims") }
	a := s.agreed
	switch {
	case h.th != wire.Encode(kdf.TH("ch", []byte(c.m1))):
		return refused("E_TRANSCRIPT")
	case h.prt != c.protocol:
		return refused("E_DOWNGRADE")
	case h.st != a.suite, h.lvl != a.level, h.cod != a.codec, (h.pop == "required") != a.popRequired, h.res != a.res,
		h.seq != "strict", h.msg != s.peerMsg:
		return refused("E_NEGOTIATE")
	case !s.canSendFrom(h.rcv):
		return fault.New("E_RESUME", "session")
	}
	if err := c.agree(h); err != nil {
		return err
	}
	if r.peer = h.rcv; s.state == closed {
		return fault.New("E_RESUME", "session")
	}
	c.derive()
	s.chains = slices.Insert(s.chains, 0, r.epoch.chain)
	c.state = waitResumed
	return r.confirm(c, &claims.Control{Rcv: r.own})
}
