package session

import (
	"maps"
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/token"
	"sealwire/driver/internal/value"
)

// session is what outlives a connection where it is resumable.
type session struct {
	*Endpoint
	conn   *conn // nil while there is none
	state  string
	sid    string
	grant  grant
	agreed selection
	lostAt int64 // without a connection since then

	peerMsg    int64
	offset     int64 // server time less local time
	helloAt    int64 // iat of SH
	signer     *jose.Private
	peerKey    *jose.Public
	self, peer string

	// Keys.
	chains    []kdf.Chain // newest first
	sealer    *message.Sealer
	opener    *message.Opener
	ring      *replay.Window // in window order
	sending   *epoch
	receiving []*epoch // oldest first
	receives  uint64   // in strict order after rekeyed that of the new keys, else the last one that the peer was seen to use
	renewal   renewal

	seq          int64  // last number used
	applications int64  // application messages that have a number
	delivered    uint64 // what was committed on earlier connections
	drops        int64

	requests map[place]request // that wait for a reply
	oneWay   map[place]bool    // sent; true until an err names it
	pings    map[int64]bool    // without pong
	gathered *sent             // has its number, and is sealed when nothing more can join it
	retained []*sent           // not acknowledged
	queue    []*sent           // wait for room
	owed     owed              // what is to be acknowledged
	budget   budget            // of control messages
	resumes  bucket            // of a server
	asked    int64             // the auth that waits for its answer
	refusals []*refusal        // err that the peer has not committed
	soonDone bool              // nothing is to be said any more about the end that is near

	heard, pinged   int64
	ownBye, peerBye bool
	byeAt           int64
	byeSeq          uint64
	peerError       error // from the code of the peer's bye
}

// grant is what a token gives: who, until when, what.
type grant struct {
	sub        string
	scp        []any
	began, exp int64 // server time
	token      *token.Token
	earlier    []*token.Token // that the session was on before
}

type request struct {
	top   string
	until int64
}

// opens makes the keys of the application and the session; a client gives up the session before.
func (c *conn) opens(g grant) {
	before := c.Endpoint.session
	s := &session{
		Endpoint: c.Endpoint, state: open, sid: kdf.SID(c.th2), grant: g, agreed: c.selected,
		peerMsg: c.peerMsg, offset: c.offset, helloAt: c.helloAt, signer: c.signer, peerKey: c.peerKey, self: c.serverID,
		requests: map[place]request{}, oneWay: map[place]bool{}, pings: map[int64]bool{},
		budget:  budget{bucket: bucket{float64(c.limit("controlBurst")), c.now}},
		resumes: bucket{float64(c.limit("resumesPerMinute")), c.now}, heard: c.now, pinged: c.now,
	}
	if c.client {
		s.signer, s.self, s.peer = c.proof, "", c.serverID
		if c.proof != nil {
			s.self = c.proof.Thumbprint()
		}
	} else if c.peerKey != nil {
		s.peer = c.peerKey.Thumbprint()
	}
	s.soonDone = !s.endComes()
	schedule := c.late()
	s.chains = []kdf.Chain{schedule.Chain()}
	first := newEpoch(s, schedule, 0, c.now)
	first.before = 0
	s.enter(c, first, &replay.Strict{})
	if s.agreed.window {
		s.ring = replay.NewWindow(uint64(s.limit("replayWindow")))
		s.opener.Order = s.ring
	}
	c.Endpoint.session = s
	c.out.opened = value.Object{
		member("sid", s.sid), member("lvl", s.agreed.level), member("cod", s.agreed.codec),
		member("sub", g.sub), member("scp", g.scp), member("exp", g.exp),
	}
	if c.client {
		if before != nil {
			before.givenUp()
		}
		s.adopt()
	}
}

// enter takes up a connection under the keys that it begins with.
func (s *session) enter(c *conn, e *epoch, order replay.Order) {
	s.conn, s.sealer, s.opener = c, s.newSealer(c), s.newOpener(c, e, order)
	s.seals(e)
	s.receiving, s.receives = []*epoch{e}, e.n
	c.carried, c.state, c.z = s, open, nil
}

func (s *session) channel(c *conn) message.Channel {
	return message.Channel{Text: c.text, Level: s.agreed.level, Codec: s.agreed.codec}
}

func (s *session) newOpener(c *conn, e *epoch, order replay.Order) *message.Opener {
	from := claims.Client
	if s.client {
		from = claims.Server
	}
	return &message.Opener{
		Channel: s.channel(c), Epochs: []*message.Epoch{e.open}, PeerKey: s.peerKey, Self: s.self, Peer: s.peer,
		MaxBytes: int(s.limit("messageBytes")), Order: order, Sent: s.seq,
		Expect: claims.Expect{From: from, Curve: suiteCurves[s.agreed.suite]},
	}
}

func (s *session) newSealer(c *conn) *message.Sealer {
	return &message.Sealer{Channel: s.channel(c), Signer: s.signer, Self: s.self, Peer: s.peer}
}

func (s *session) resumable() bool { return s.agreed.res > 0 }

// continues tells whether the session can be taken up on another connection.
func (s *session) continues() bool {
	return s.resumable() && (s.state == open || s.state == lost)
}

func (s *session) serverTime() int64 { return s.now + s.offset }

// committed is the highest number that this end has committed.
func (s *session) committed() uint64 { return max(s.delivered, s.opener.Order.Top()) }

// closeInOrder is the application's close.
func (s *session) closeInOrder() {
	switch {
	case s.conn == nil:
		s.finish(fault.New("E_TRUNCATED", "local"))
	case !s.ownBye:
		s.sendBye("")
		s.state = closing
	}
}

// settleAll ends the requests that still wait.
func (s *session) settleAll(code string) {
	for _, at := range s.waiting() {
		s.settle(at, member("error", code))
	}
}

// waiting names the requests that wait for a reply, in order.
func (s *session) waiting() []place {
	return slices.SortedFunc(maps.Keys(s.requests), place.compare)
}

func (s *session) settle(at place, how value.Member) {
	delete(s.requests, at)
	s.out.settled = append(s.out.settled, append(at.out(), how))
}
