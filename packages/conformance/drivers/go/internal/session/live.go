package session

import (
	"maps"
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/value"
)

// live is the state of a session after SR.
type live struct {
	exp    int64 // server time
	sealer *message.Sealer
	opener *message.Opener
	ring   *replay.Window // in window order

	seq            int64 // last number sent
	sealed, opened int64 // bytes of claims
	drops          int64

	requests map[int64]request // that wait for a reply
	oneWay   map[int64]bool    // sent; true until an err names it
	pings    map[int64]bool    // without pong
	budget   float64           // of control messages
	budgetAt int64

	heard, pinged   int64
	ownBye, peerBye bool
	byeAt           int64
	byeSeq          uint64
	peerError       error // from the code of the peer's bye
}

type request struct {
	top   string
	until int64
}

// goLive makes the keys of the application and opens the session.
func (e *Endpoint) goLive(sub string, scopes []any, exp int64) {
	channel := message.Channel{Text: e.text, Level: e.selected.level, Codec: e.selected.codec}
	sender, receiver := "s app", "c app"
	signer, self, peer := e.signer, e.serverID, ""
	if e.client {
		sender, receiver = receiver, sender
		signer, self, peer = e.proof, "", e.serverID
		if e.proof != nil {
			self = e.proof.Thumbprint()
		}
	} else if e.peerKey != nil {
		peer = e.peerKey.Thumbprint()
	}
	l := &live{
		exp:    exp,
		sealer: &message.Sealer{Channel: channel, Keys: e.schedule.Keys(sender), Signer: signer, Self: self, Peer: peer},
		opener: &message.Opener{
			Channel: channel, Keys: e.schedule.Keys(receiver), PeerKey: e.peerKey, Self: self, Peer: peer,
			MaxBytes: int(e.limit("messageBytes")), Order: &replay.Strict{},
		},
		requests: map[int64]request{}, oneWay: map[int64]bool{}, pings: map[int64]bool{},
		budget: float64(e.limit("controlBurst")), budgetAt: e.now, heard: e.now, pinged: e.now,
	}
	if e.selected.window {
		l.ring = replay.NewWindow(uint64(e.limit("replayWindow")))
		l.opener.Order = l.ring
	}
	e.live, e.state = l, open
	e.out.opened = value.Object{
		member("sid", e.schedule.SID()), member("lvl", channel.Level), member("cod", channel.Codec),
		member("sub", sub), member("scp", scopes), member("exp", exp),
	}
	e.schedule.Z = nil
}

// call is the application's send or request.
func (e *Endpoint) call(step Step, wantsReply bool) {
	if e.live == nil || e.state == closed || e.ownBye {
		e.out.thrown = "E_CLOSED"
		return
	}
	ttl := e.limit("messageTtl")
	if step.TTL != nil {
		ttl = int64(*step.TTL)
		if float64(ttl) != *step.TTL || ttl < 1 || ttl > e.limit("messageTtlMax") {
			e.out.thrown = "TypeError"
			return
		}
	}
	seq, err := e.send(claims.Item{Top: step.Top, Data: step.Data, Req: wantsReply}, ttl)
	if err != nil {
		e.out.thrown = err.Code
		if err.Fatal() && err.Code == "E_KEY_LIMIT" {
			e.fail(err)
		}
		return
	}
	if wantsReply {
		e.requests[seq] = request{step.Top, e.now + e.limit("requestSeconds")}
	} else {
		e.oneWay[seq] = true
	}
}

// send seals an application message; every refusal comes before it has a number.
func (e *Endpoint) send(item claims.Item, ttl int64) (int64, *fault.Fault) {
	a := &claims.Application{Seq: e.seq + 1, Exp: e.serverTime() + ttl, Items: []claims.Item{item}}
	if claims.Signs(e.sealer.Level) {
		now := e.serverTime()
		a.Iat = &now
	}
	if !e.sealer.Complete(a) {
		return 0, fault.Caller()
	}
	body, size := e.sealer.Measure(a)
	if int64(size) > e.peerMsg {
		return 0, fault.New("E_TOO_BIG", "local")
	}
	if !e.roomFor(body, false) {
		return 0, fault.New("E_KEY_LIMIT", "commit")
	}
	e.count(body)
	m, err := e.sealer.Application(a)
	if err != nil {
		return 0, fault.New("E_INTERNAL", "local")
	}
	e.out.send(m)
	return e.seq, nil
}

// roomFor tells whether the keys can seal another message; the last number is kept for the bye.
func (e *Endpoint) roomFor(body int, bye bool) bool {
	most := e.limit("keyMessages")
	if !bye {
		most--
	}
	return e.seq < most && e.sealed+int64(body) <= e.limit("keyBytes")
}

func (e *Endpoint) count(body int) {
	e.seq++
	e.sealed += int64(body)
	e.opener.Sent = e.seq
}

// control sends a control message.
func (e *Endpoint) control(c claims.Control) error {
	c.Seq, c.Rcv = e.seq+1, int64(e.opener.Order.Top())
	body := len(c.Write())
	if !e.roomFor(body, c.Top == "bye") {
		return fault.New("E_KEY_LIMIT", "commit")
	}
	m, err := e.sealer.Control(&c)
	if err != nil {
		return fault.New("E_INTERNAL", "local")
	}
	e.count(body)
	e.out.send(m)
	return nil
}

// sendBye sends the last message of this end; code is a coarse name, or empty for an end in order.
func (e *Endpoint) sendBye(code string) {
	e.ownBye, e.byeAt = true, e.now
	// Where the keys are used up the session ends without a bye.
	_ = e.control(claims.Control{Top: "bye", Code: code})
}

func (e *Endpoint) closeInOrder() {
	if e.live != nil && !e.ownBye {
		e.sendBye("")
		e.state = closing
	}
}

// settleAll ends the requests that still wait.
func (e *Endpoint) settleAll(code string) {
	for _, seq := range slices.Sorted(maps.Keys(e.requests)) {
		e.settle(seq, member("error", code))
	}
}

func (e *Endpoint) settle(seq int64, how value.Member) {
	delete(e.requests, seq)
	e.out.settled = append(e.out.settled, value.Object{member("seq", seq), how})
}
