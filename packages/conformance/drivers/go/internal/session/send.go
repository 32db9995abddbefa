package session

import (
	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/wire"
)

// sent is an application message of this end that can still be asked for.
type sent struct {
	claims claims.Application
	body   int64  // bytes of claims
	sealed bool   // the peer may have seen it: jti, iat and exp stay
	sub    string // of the session that is over, of one that outlives it
}

// call is the application's send or request.
func (e *Endpoint) call(step Step, wantsReply bool) {
	s := e.session
	if s == nil || s.state == closed || s.ownBye {
		e.out.thrown = "E_CLOSED"
		return
	}
	ttl := s.life()
	if step.TTL != nil {
		ttl = int64(*step.TTL)
		if float64(ttl) != *step.TTL || ttl < 1 || ttl > e.limit("messageTtlMax") {
			e.out.thrown = "TypeError"
			return
		}
	}
	if step.Jti != "" && s.ring != nil {
		e.out.thrown = "TypeError"
		return
	}
	err := s.send(claims.Item{Top: step.Top, Data: step.Data, Req: wantsReply}, ttl, step.Jti)
	if err == nil {
		return
	}
	f, _, _ := split(err)
	e.out.thrown = f.Code
	if f.Code == "E_KEY_LIMIT" || f.Code == "E_INTERNAL" {
		s.fail(err)
	}
}

// must ends the session where something failed that this end did by itself.
func (s *session) must(err error) {
	if err != nil {
		s.fail(err)
	}
}

// life is that of a message for which the application asks no other.
func (s *session) life() int64 {
	return min(s.limit("messageTtl")+s.agreed.res, s.limit("messageTtlMax"))
}

// send takes an application message, whose life begins; every refusal comes before it has a number.
func (s *session) send(item claims.Item, ttl int64, jti string) error {
	m := &sent{claims: claims.Application{Jti: jti, Exp: s.serverTime() + ttl, Items: []claims.Item{item}}}
	if err := s.prepare(m); err != nil {
		return err
	}
	if s.conn == nil || s.full() || len(s.queue) > 0 {
		return s.waits(m)
	}
	return s.number(m)
}

// waits puts a message behind those that wait for a connection or for room, as many as may.
func (s *session) waits(m *sent) error {
	bytes := m.body
	for _, q := range s.queue {
		bytes += q.body
	}
	if int64(len(s.queue)) >= s.limit("queuedMessages") || bytes > s.limit("queuedBytes") {
		return fault.New("E_QUEUE_FULL", "local")
	}
	s.queue = append(s.queue, m)
	return nil
}

// prepare writes what an application message has from the moment at which it takes its number, and does the checks
// that can refuse it.
func (s *session) prepare(m *sent) error {
	m.claims.Seq = s.seq + 1
	if !m.sealed {
		s.dates(m)
	}
	if !s.sealer.Complete(&m.claims) {
		return fault.Caller()
	}
	body, size := s.sealer.Measure(&m.claims)
	if int64(size) > s.peerMsg {
		return fault.New("E_TOO_BIG", "local")
	}
	m.body = int64(body)
	return nil
}

// dates writes iat, which of an idempotent message tells that it was not sent before this session.
func (s *session) dates(m *sent) {
	now := s.serverTime()
	switch {
	case m.claims.Jti != "":
		now = max(now, s.helloAt+1)
	case !claims.Signs(s.agreed.level):
		return
	}
	m.claims.Iat = &now
}

// number gives a message its number, or lets it join the one that has the last number and is not sealed yet.
func (s *session) number(m *sent) error {
	alone := !s.batches || m.claims.Jti != "" || !m.claims.Items[0].Batched(s.agreed.codec)
	if !alone && s.joins(m) {
		return nil
	}
	if err := s.sealGathered(); err != nil {
		return err
	}
	m.claims.Seq = s.seq + 1
	if !s.roomFor(int(m.body), false) {
		return fault.New("E_KEY_LIMIT", "commit")
	}
	s.seq++
	s.opener.Sent = s.seq
	s.retain(m)
	s.gathered = m
	if alone {
		return s.sealGathered()
	}
	return nil
}

// seal seals an application message under the keys of now.
func (s *session) seal(m *sent) error {
	if !s.sealer.Complete(&m.claims) {
		return fault.New("E_INTERNAL", "local")
	}
	m.sealed = true
	s.uses(int(m.body))
	message, err := s.sealer.Application(&m.claims)
	return s.transmit(message, err)
}

func (s *session) transmit(m wire.Message, err error) error {
	if err != nil {
		return fault.New("E_INTERNAL", "local")
	}
	s.out.send(m)
	return nil
}

// control sends a control message under the next number.
func (s *session) control(c claims.Control) error {
	_, err := s.sendControl(&c)
	return err
}

// sendControl tells the plaintext too.
func (s *session) sendControl(c *claims.Control) ([]byte, error) {
	if err := s.sealGathered(); err != nil {
		return nil, err
	}
	c.Seq = s.seq + 1
	plaintext, err := s.sealControl(c)
	if err == nil {
		s.seq++
		s.opener.Sent = s.seq
	}
	return plaintext, err
}

// sealControl sends a control message under the number that it has; what has rcv acknowledges.
func (s *session) sealControl(c *claims.Control) ([]byte, error) {
	c.Rcv = int64(s.committed())
	plaintext := c.Write()
	if !s.roomFor(len(plaintext), c.Top == "bye") {
		return nil, fault.New("E_KEY_LIMIT", "commit")
	}
	m, err := s.sealer.Control(c)
	if err == nil {
		s.uses(len(plaintext))
	}
	if c.Top != "void" {
		s.owed = owed{}
	}
	return plaintext, s.transmit(m, err)
}

// sendBye sends the last message of this end, after which nothing is resumed; code is a coarse name, or empty for an end
// in order.
func (s *session) sendBye(code string) {
	s.ownBye, s.byeAt, s.chains = true, s.now, nil
	// Where the keys are used up the session ends without a bye.
	_ = s.control(claims.Control{Top: "bye", Code: code})
}
