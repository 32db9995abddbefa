package replay

import (
	"crypto/sha256"
	"encoding/binary"
)

// Envelope is what a replay store is told of an envelope that is about to be delivered.
type Envelope struct {
	Receiver, Iss, Jti string
	Iat, Exp           int64
	Fresh              bool // never sent before, whatever its iat
}

// Key is the replay key of an envelope (specs/replay.md, section 6.1).
func Key(receiver, iss, jti string) [32]byte {
	input := []byte("sealwire1 jti\x00")
	for _, part := range []string{receiver, iss, jti} {
		input = append(binary.BigEndian.AppendUint32(input, uint32(len(part))), part...)
	}
	return sha256.Sum256(input)
}

type entry struct {
	until int64
	iss   string
}

// issuerShare is the limit replayIssuerShare, in percent of the capacity.
const issuerShare = 10

// Store is a replay store in memory.
type Store struct {
	capacity int
	share    int
	skew     int64
	start    *int64
	latest   int64
	entries  map[[32]byte]entry
	issuers  map[string]int
}

// NewStore makes an empty store.
func NewStore(capacity int, skew int64) *Store {
	return &Store{
		capacity: capacity, share: max(1, capacity*issuerShare/100), skew: skew,
		entries: map[[32]byte]entry{}, issuers: map[string]int{},
	}
}

// StartedAt says that the store began empty at a time before which envelopes may have been delivered.
func (s *Store) StartedAt(start int64) {
	s.start = &start
}

// Insert remembers an envelope, or says why it cannot be delivered.
func (s *Store) Insert(now int64, e Envelope) (code string) {
	if s.start != nil && !e.Fresh && e.Iat <= *s.start+s.skew {
		return "E_REPLAY_STORE"
	}
	s.latest = max(s.latest, now)
	s.drop()
	key, until := Key(e.Receiver, e.Iss, e.Jti), e.Exp+2*s.skew
	if _, held := s.entries[key]; held {
		return "E_REPLAY"
	}
	if until <= s.latest || len(s.entries) >= s.capacity || s.issuers[e.Iss] >= s.share {
		return "E_REPLAY_STORE"
	}
	s.entries[key] = entry{until, e.Iss}
	s.issuers[e.Iss]++
	return ""
}

// drop forgets the entries that have reached their end.
func (s *Store) drop() {
	for key, e := range s.entries {
		if e.until <= s.latest {
			delete(s.entries, key)
			s.issuers[e.iss]--
		}
	}
}
