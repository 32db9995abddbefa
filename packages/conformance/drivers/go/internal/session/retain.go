package session

import (
	"slices"

	"sealwire/driver/internal/claims"
)

// owed is what was committed since this end last said so.
type owed struct {
	messages, bytes int64
	since           int64 // when the first of them was committed
}

// commits counts application messages, several of a batch, that are to be acknowledged.
func (s *session) commits(messages, bytes int) {
	if s.owed.messages == 0 {
		s.owed.since = s.now
	}
	s.owed.messages += int64(messages)
	s.owed.bytes += int64(bytes)
}

// owes tells whether an ack is due by count; by time it is a matter of the clock.
func (s *session) owes() bool {
	o := s.owed
	return s.resumable() && (o.messages >= s.limit("ackMessages") || o.bytes >= s.limit("ackBytes"))
}

// full tells whether a message has to wait for room among those that are kept.
func (s *session) full() bool {
	if !s.resumable() {
		return false
	}
	messages, bytes := 0, int64(0)
	for _, r := range s.retained {
		messages += len(r.claims.Items)
		bytes += r.body
	}
	return int64(messages) >= s.limit("retainedMessages") || bytes >= s.limit("retainedBytes")
}

// retain keeps a message; where the session cannot be resumed, the newest alone.
func (s *session) retain(m *sent) {
	s.retained = append(s.retained, m)
	if most := int(s.limit("retainedMessages")); !s.resumable() && len(s.retained) > most {
		s.retained = s.retained[len(s.retained)-most:]
	}
}

// acknowledged forgets what an rcv of the peer covers.
func (s *session) acknowledged(rcv int64) {
	s.retained = slices.DeleteFunc(s.retained, func(m *sent) bool { return m.claims.Seq <= rcv })
	s.refusals = slices.DeleteFunc(s.refusals, func(r *refusal) bool { return r.err.Seq <= rcv })
}

// duties does what an end does by itself after each message, and at the end of each turn: what waits is sent, what was
// gathered is sealed, an ack goes out, keys are renewed.
func (s *session) duties() error {
	if s.state != open {
		return nil
	}
	for len(s.queue) > 0 && !s.full() {
		m := s.queue[0]
		s.queue = s.queue[1:]
		// What has waited too long, or has become too large for the wire of now, has no number and is not sent.
		if s.serverTime() >= m.claims.Exp || s.prepare(m) != nil {
			continue
		}
		if err := s.number(m); err != nil {
			return err
		}
	}
	if err := s.sealGathered(); err != nil {
		return err
	}
	if s.owes() {
		if err := s.control(claims.Control{Top: "ack"}); err != nil {
			return err
		}
	}
	return s.renewIfUsedUp()
}

// withdraws reports a message that is not sent again, such as one whose life is over, without an rcv that covers it.
func (s *session) withdraws(m *sent) {
	s.retained = slices.DeleteFunc(s.retained, func(r *sent) bool { return r == m })
	if s.resumable() {
		s.out.undetermined = append(s.out.undetermined, undetermined(m)...)
	}
}

// undetermined tells of each item by itself.
func undetermined(m *sent) []any {
	list := []any{}
	for i, item := range m.claims.Items {
		o := append(placeIn(&m.claims, i).out(), member("top", item.Top))
		if m.claims.Jti != "" {
			o = append(o, member("jti", m.claims.Jti))
		}
		list = append(list, o)
	}
	return list
}

// surrender reports at the end of a session what of its messages is not known, and keeps those that outlive it.
func (s *session) surrender() {
	if s.resumable() {
		for _, m := range s.retained {
			s.out.undetermined = append(s.out.undetermined, undetermined(m)...)
		}
		for _, m := range append(s.retained, s.queue...) {
			if s.client && m.claims.Jti != "" {
				m.sub = s.grant.sub
				s.outlived = append(s.outlived, m)
			}
		}
	}
	s.retained, s.queue, s.refusals = nil, nil, nil
}

// canSendFrom tells whether a peer that resumes may have received just this much, and asks for no more than it takes again.
func (s *session) canSendFrom(announced int64) bool {
	most := 3*s.limit("retainedMessages") + s.limit("controlBurst")
	return max(s.opener.Rcv, s.seq-most) <= announced && announced <= s.seq
}

// again sends everything after the peer's announced number once more, then, under new numbers, the refusals that the
// peer has not committed.
func (s *session) again(announced int64) error {
	last := s.seq
	for seq := announced + 1; seq <= last; seq++ {
		at := slices.IndexFunc(s.retained, func(m *sent) bool { return m.claims.Seq == seq })
		if at >= 0 {
			m := s.retained[at]
			if s.repeats(m) {
				if err := s.seal(m); err != nil {
					return err
				}
				continue
			}
			s.withdraws(m)
		}
		if _, err := s.sealControl(&claims.Control{Seq: seq, Top: "void"}); err != nil {
			return err
		}
	}
	for _, r := range s.refusals {
		if err := s.sendRefusal(r); err != nil {
			return err
		}
	}
	return nil
}

// repeats tells whether a message is sent once more, of a batch all: it lives, is authorized now, and fits the wire of
// now. A reply is authorized by its request.
func (s *session) repeats(m *sent) bool {
	denied := slices.ContainsFunc(m.claims.Items, func(i claims.Item) bool { return i.Ref == nil && !s.scoped(i.Top) })
	if s.serverTime() >= m.claims.Exp || denied {
		return false
	}
	_, size := s.sealer.Measure(&m.claims)
	return int64(size) <= s.peerMsg
}
