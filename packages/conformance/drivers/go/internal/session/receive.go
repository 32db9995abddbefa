package session

import (
	"errors"
	"slices"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// onMessage opens a message of an open or closing session, and handles what it brings.
func (e *Endpoint) onMessage(m wire.Message) error {
	in, err := e.opener.Open(m)
	if err != nil {
		if e.droppable(err) {
			e.drops++
			return nil
		}
		return err
	}
	late, err := e.beforeCommit(in)
	if err != nil || late {
		return err
	}
	e.opener.Order.Commit(in.Seq)
	e.openedBytes(in)
	if c := in.Control; c != nil {
		if e.ring == nil {
			e.opener.Rcv = c.Rcv
		}
		return e.onControl(c)
	}
	return e.onItems(in.Application)
}

// droppable says which failures window order passes over, as long as there are few of them.
func (e *Endpoint) droppable(err error) bool {
	return e.ring != nil && e.drops < e.limit("replayDrops") && message.Dropped(err)
}

// beforeCommit does the refusals of step commit; late is a message that a bye has overtaken.
func (e *Endpoint) beforeCommit(in *message.Opened) (late bool, err error) {
	if e.peerBye {
		if in.Seq > e.byeSeq {
			return false, fault.New("E_STATE", "commit")
		}
		return true, nil
	}
	if int64(in.Seq) > e.limit("keyMessages") || e.live.opened+int64(in.Bytes) > e.limit("keyBytes") {
		return false, fault.New("E_KEY_LIMIT", "commit")
	}
	if c := in.Control; c != nil && c.Top == "bye" && in.Seq < e.opener.Order.Top() {
		return false, fault.New("E_STATE", "commit")
	}
	return false, nil
}

func (e *Endpoint) openedBytes(in *message.Opened) {
	e.live.opened += int64(in.Bytes)
	e.heard = e.now
}

func (e *Endpoint) onControl(c *claims.Control) error {
	if !e.free(c) {
		most := float64(e.limit("controlBurst"))
		e.budget = min(most, e.budget+float64((e.now-e.budgetAt)*e.limit("controlPerSecond")))
		e.budgetAt = e.now
		if e.budget < 1 {
			return fault.New("E_QUOTA", "rate")
		}
		e.budget--
	}
	switch c.Top {
	case "err":
		e.onErr(c)
	case "ping":
		if !e.ownBye {
			seq := c.Seq
			return e.control(claims.Control{Top: "pong", Ref: &claims.Ref{Seq: seq}})
		}
	case "pong":
		delete(e.pings, c.Ref.Seq)
	case "bye":
		e.onBye(c)
	}
	return nil
}

// free are the first pong to each ping and the first err to each item.
func (e *Endpoint) free(c *claims.Control) bool {
	switch c.Top {
	case "pong":
		return e.pings[c.Ref.Seq]
	case "err":
		_, waits := e.requests[c.Ref.Seq]
		return c.Ref.Index == nil && (waits || e.oneWay[c.Ref.Seq])
	}
	return false
}

func (e *Endpoint) onErr(c *claims.Control) {
	if c.Ref.Index != nil {
		return
	}
	seq := c.Ref.Seq
	if _, waits := e.requests[seq]; waits {
		e.settle(seq, member("error", c.Code))
	} else if _, sent := e.oneWay[seq]; sent {
		e.oneWay[seq] = false
		e.out.denied = append(e.out.denied, value.Object{member("seq", seq), member("error", c.Code)})
	}
}

func (e *Endpoint) onBye(c *claims.Control) {
	e.peerBye, e.byeSeq = true, uint64(c.Seq)
	if c.Code != "" && c.Code != "normal" {
		e.peerError = fromPeer{fault.New(fault.Claimed[c.Code], "local"), c.Code}
	}
	if e.ownBye {
		e.endInOrder()
		return
	}
	e.sendBye("")
	e.state = closing
}

// endInOrder closes when both ends have said bye; a reason that the peer gave is no error of this end.
func (e *Endpoint) endInOrder() {
	e.close(1000)
	e.finish(e.peerError)
}

// place names an item: a message, or one item of a batch.
func place(a *claims.Application, index int) *claims.Ref {
	if !a.Batch {
		return &claims.Ref{Seq: a.Seq}
	}
	i := int64(index)
	return &claims.Ref{Seq: a.Seq, Index: &i}
}

func (e *Endpoint) onItems(a *claims.Application) error {
	err := claims.CheckTime(a.Iat, a.Exp, e.serverTime(), e.limit("skewSeconds"), e.limit("messageTtlMax"))
	var f *fault.Fault
	if errors.As(err, &f) {
		return e.refuse(&claims.Ref{Seq: a.Seq}, f)
	}
	for i, item := range a.Items {
		if err := e.onItem(a, i, item); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) onItem(a *claims.Application, index int, item claims.Item) error {
	at := place(a, index)
	if item.Ref != nil {
		if r, waits := e.requests[item.Ref.Seq]; waits && item.Ref.Index == nil && r.top == item.Top {
			e.settle(item.Ref.Seq, member("data", item.Data))
		}
		return nil
	}
	if !slices.Contains(e.allow, item.Top) {
		return e.refuse(at, fault.New("E_DENIED", "authorize"))
	}
	handler, handled := e.handlers[item.Top]
	if item.Req && !handled {
		return e.refuse(at, fault.New("E_NO_HANDLER", "deliver"))
	}
	out := value.Object{member("seq", a.Seq)}
	if at.Index != nil {
		out = append(out, member("index", *at.Index))
	}
	out = append(out, member("top", item.Top), member("data", item.Data))
	if item.Req {
		out = append(out, member("req", true))
	}
	e.out.deliver = append(e.out.deliver, out)
	if !item.Req || e.ownBye {
		return nil
	}
	if handler == "echo" {
		_, fail := e.send(claims.Item{Top: item.Top, Ref: at, Data: item.Data}, e.limit("messageTtl"))
		if fail == nil {
			e.oneWay[e.seq] = true
			return nil
		}
		if fail.Code == "E_KEY_LIMIT" || fail.Code == "E_INTERNAL" {
			return fail
		}
	}
	return e.refuse(at, fault.New("E_HANDLER", "deliver"))
}

// refuse answers an item or a whole message with err, as long as this end still sends.
func (e *Endpoint) refuse(at *claims.Ref, f *fault.Fault) error {
	if e.ownBye {
		return nil
	}
	if err := e.control(claims.Control{Top: "err", Code: f.Code, Ref: at}); err != nil {
		return err
	}
	out := value.Object{member("seq", at.Seq)}
	if at.Index != nil {
		out = append(out, member("index", *at.Index))
	}
	e.out.refused = append(e.out.refused, append(out, member("error", f.Code), member("step", f.Step)))
	return nil
}
