package session

import (
	"slices"

	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/message"
)

// epoch are the traffic keys of both directions, and how much they have been used.
type epoch struct {
	n           uint64
	chain       kdf.Chain
	seal        message.Keys
	open        *message.Epoch
	since       int64
	sent, taken usage
	before      int64 // the number before the peer's first under these keys; -1 while it is not known
}

// usage counts messages and bytes of claims.
type usage struct{ messages, bytes int64 }

func newEpoch(s *session, schedule kdf.Schedule, n uint64, now int64) *epoch {
	seal, open := "s app", "c app"
	if s.client {
		seal, open = open, seal
	}
	return &epoch{
		n: n, chain: schedule.Chain(), seal: schedule.Keys(seal), open: &message.Epoch{N: n, Keys: schedule.Keys(open)}, since: now,
		before: -1,
	}
}

// seals changes the keys under which this end seals.
func (s *session) seals(e *epoch) {
	s.sending = e
	s.sealer = message.NewSealer(*s.sealer, e.n, e.seal)
}

// takes changes the keys under which this end opens.
func (s *session) takes(epochs ...*epoch) {
	s.receiving = epochs
	s.opener.Epochs = nil
	for _, e := range epochs {
		s.opener.Epochs = append(s.opener.Epochs, e.open)
	}
}

func (s *session) newest() *epoch { return s.receiving[len(s.receiving)-1] }

func (s *session) epochOf(in *message.Opened) *epoch {
	at := slices.IndexFunc(s.receiving, func(e *epoch) bool { return e.open == in.Epoch })
	return s.receiving[at]
}

// reaches tells how far a message of the peer brings the use of its keys; messages are counted by number.
func (e *epoch) reaches(in *message.Opened) usage {
	before := e.before
	if before < 0 || int64(in.Seq) <= before {
		before = int64(in.Seq) - 1
	}
	return usage{max(e.taken.messages, int64(in.Seq)-before), e.taken.bytes + int64(len(in.Body))}
}

// verified remembers the use of keys by the peer.
func (s *session) verified(in *message.Opened) error {
	e := s.epochOf(in)
	e.taken = e.reaches(in)
	if e.before < 0 || int64(in.Seq) <= e.before {
		e.before = int64(in.Seq) - 1
	}
	s.forgetsBefore(e)
	return s.switches(e)
}

// forgetsBefore drops the chains that are older than that of these keys.
func (s *session) forgetsBefore(e *epoch) {
	at := slices.IndexFunc(s.chains, func(c kdf.Chain) bool { return slices.Equal(c, e.chain) })
	if at >= 0 {
		s.chains = s.chains[:at+1]
	}
}

// usedUp tells whether keys are to be renewed: after so many messages, so many bytes, or seconds.
func (s *session) usedUp() bool {
	e := s.sending
	for _, u := range []usage{e.sent, e.taken} {
		if s.due(u.messages, "rekeyMessages") || s.due(u.bytes, "rekeyBytes") {
			return true
		}
	}
	return s.due(s.now-e.since, "rekeySeconds")
}

// due compares with a limit of rekey; a client waits for a tenth more.
func (s *session) due(used int64, limit string) bool {
	if s.client {
		return 10*used >= 11*s.limit(limit)
	}
	return used >= s.limit(limit)
}

// roomFor tells whether the keys can seal another message; the last number is kept for the bye.
func (s *session) roomFor(body int, bye bool) bool {
	most := s.limit("keyMessages")
	if !bye {
		most--
	}
	return s.sending.sent.messages < most && s.sending.sent.bytes+int64(body) <= s.limit("keyBytes")
}

// uses counts a message that is sealed.
func (s *session) uses(body int) {
	s.sending.sent.messages++
	s.sending.sent.bytes += int64(body)
}
