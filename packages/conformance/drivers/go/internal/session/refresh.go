package session

import (
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/token"
	"sealwire/driver/internal/value"
)

// refresh is the application's new token; while an earlier one is unanswered, or nobody is there, nothing happens.
func (s *session) refresh(at string) {
	if !s.client || s.state != open || s.asked != 0 {
		return
	}
	s.asked = s.seq + 1
	s.must(s.control(claims.Control{Top: "auth", At: at}))
}

// onAuth takes or refuses a token.
func (s *session) onAuth(c *claims.Control) error {
	if s.ownBye {
		return nil
	}
	ref := &claims.Ref{Seq: c.Seq}
	t := s.acceptable(c.At)
	if t == nil || !t.Same(s.grant.token) {
		s.out.notRefreshed = true
		return s.control(claims.Control{Top: "auth-no", Ref: ref})
	}
	g := &s.grant
	g.earlier = append(g.earlier, g.token)
	g.token, g.scp = t, list(t.Scopes)
	g.exp = min(t.Exp, g.began+s.limit("sessionSeconds"))
	s.soonDone = !s.endComes()
	s.refreshed()
	exp := g.exp
	return s.control(claims.Control{Top: "auth-ok", Ref: ref, Exp: &exp, Scp: g.scp})
}

func (s *session) onGranted(c *claims.Control) {
	s.asked = 0
	s.grant.scp, s.grant.exp = c.Scp, *c.Exp
	s.refreshed()
}

func (s *session) refreshed() {
	s.out.refreshed = value.Object{member("scp", s.grant.scp), member("exp", s.grant.exp)}
}

// endComes tells whether the client is to be told when the end is near: a new token moves it, and it is not near already.
func (s *session) endComes() bool {
	g := s.grant
	return !s.client && g.exp-s.serverTime() > s.limit("refreshSeconds") && g.exp != g.began+s.limit("sessionSeconds")
}

// soon tells the client that the end is near, unless there is no connection.
func (s *session) soon() {
	if s.soonDone = true; s.conn == nil {
		return
	}
	s.must(s.control(claims.Control{Top: "auth-soon"}))
}

// revoked is what a revocation names.
type revoked struct {
	jti, issuer, subject string
	before               float64
	thumbprint           string
	payload              string
}

func (r revoked) hits(t *token.Token) bool {
	switch {
	case r.payload != "":
		return t.Payload == r.payload
	case r.thumbprint != "":
		return t.Jkt == r.thumbprint
	case r.jti != "":
		return t.Iss == r.issuer && t.Jti == r.jti
	}
	return t.Iss == r.issuer && t.Sub == r.subject && (t.Issued == nil || *t.Issued < r.before)
}

func (e *Endpoint) isRevoked(t *token.Token) bool {
	return slices.ContainsFunc(e.revoked, func(r revoked) bool { return r.hits(t) })
}

// revoke remembers what is revoked, and ends the session that it concerns.
func (e *Endpoint) revoke(by value.Object) {
	s := e.session
	if by.Has("session") {
		if sid, ok := by.Text("session"); s == nil || ok && sid != s.sid {
			return
		}
		for _, t := range append(s.grant.earlier, s.grant.token) {
			e.revoked = append(e.revoked, revoked{payload: t.Payload})
		}
	} else {
		r := revoked{}
		r.jti, _ = by.Text("tokenId")
		r.issuer, _ = by.Text("issuer")
		r.subject, _ = by.Text("subject")
		r.thumbprint, _ = by.Text("thumbprint")
		// What was issued by now, by a clock that may be ahead; iat counts whole seconds.
		r.before = float64(e.now + e.limit("skewSeconds") + 1)
		if before, has := by.Get("issuedBefore"); has {
			r.before, _ = value.Float(before)
		}
		e.revoked = append(e.revoked, r)
	}
	if s != nil && e.isRevoked(s.grant.token) {
		s.fail(fault.New("E_REVOKED", "session"))
	}
}
