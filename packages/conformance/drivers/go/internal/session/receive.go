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
func (s *session) onMessage(m wire.Message) error {
	in, err := s.opener.Open(m)
	if err != nil {
		if s.droppable(err) {
			s.drops++
			return nil
		}
		return err
	}
	late, err := s.beforeCommit(in)
	if err != nil || late {
		return err
	}
	s.opener.Order.Commit(in.Seq)
	s.heard = s.now
	if err := s.verified(in); err != nil {
		return err
	}
	if in.Seq <= s.delivered {
		return nil
	}
	if in.Control != nil {
		err = s.onControl(in)
	} else {
		s.commits(len(in.Application.Items), len(in.Body))
		err = s.onItems(in.Application)
	}
	if err != nil {
		return err
	}
	return s.duties()
}

// droppable says which failures window order passes over, as long as there are few of them.
func (s *session) droppable(err error) bool {
	return s.ring != nil && s.drops < s.limit("replayDrops") && message.Dropped(err)
}

// beforeCommit does the refusals of step commit; late is a message that a bye has overtaken.
func (s *session) beforeCommit(in *message.Opened) (late bool, err error) {
	wrong := fault.New("E_STATE", "commit")
	if s.peerBye {
		if in.Seq > s.byeSeq {
			return false, wrong
		}
		return true, nil
	}
	if c := in.Control; c != nil {
		if c.Top == "bye" && in.Seq < s.opener.Order.Top() {
			return false, wrong
		}
		if err := s.rekeyState(in); err != nil {
			return false, err
		}
		if (c.Top == "auth-ok" || c.Top == "auth-no") && c.Ref.Seq != s.asked {
			return false, wrong
		}
	}
	if u := s.epochOf(in).reaches(in); u.messages > s.limit("keyMessages") || u.bytes > s.limit("keyBytes") {
		return false, fault.New("E_KEY_LIMIT", "commit")
	}
	return false, nil
}

func (s *session) onItems(a *claims.Application) error {
	err := claims.CheckTime(a.Iat, a.Exp, s.serverTime(), s.limit("skewSeconds"), s.limit("messageTtlMax"))
	var f *fault.Fault
	if errors.As(err, &f) {
		return s.refuse(&claims.Ref{Seq: a.Seq}, f)
	}
	for i, item := range a.Items {
		if err := s.onItem(a, i, item); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) onItem(a *claims.Application, index int, item claims.Item) error {
	at := placeIn(a, index).ref()
	if item.Ref != nil {
		asked := placeOf(item.Ref)
		if r, waits := s.requests[asked]; waits && r.top == item.Top {
			s.settle(asked, member("data", item.Data))
		}
		return nil
	}
	if !s.authorized(item.Top) {
		return s.refuse(at, fault.New("E_DENIED", "authorize"))
	}
	handler, handled := s.handlers[item.Top]
	if item.Req && !handled {
		return s.refuse(at, fault.New("E_NO_HANDLER", "deliver"))
	}
	if a.Jti != "" && !s.client {
		switch code := s.remember(a); code {
		case "":
		case "E_REPLAY":
			return nil
		default:
			return s.refuse(at, fault.New(code, "deliver"))
		}
	}
	s.handOver(a.Seq, at, item)
	if !item.Req || s.ownBye {
		return nil
	}
	if handler == "echo" {
		err := s.send(claims.Item{Top: item.Top, Ref: at, Data: item.Data}, s.life(), "")
		f, _, _ := split(err)
		if err == nil || f.Code == "E_KEY_LIMIT" || f.Code == "E_INTERNAL" {
			return err
		}
	}
	return s.refuse(at, fault.New("E_HANDLER", "deliver"))
}

// authorized is the decision about an inbound item.
func (s *session) authorized(top string) bool {
	return slices.Contains(s.allow, top) && s.scoped(top)
}

// scoped tells whether the session has the scope that a topic asks for, in either direction.
func (s *session) scoped(top string) bool {
	scope, asks := s.scopes[top]
	return !asks || slices.Contains(s.grant.scp, any(scope))
}

// handOver gives an item to the application or its handler.
func (s *session) handOver(seq int64, at *claims.Ref, item claims.Item) {
	out := value.Object{member("seq", seq)}
	if at.Index != nil {
		out = append(out, member("index", *at.Index))
	}
	out = append(out, member("top", item.Top), member("data", item.Data))
	if item.Req {
		out = append(out, member("req", true))
	}
	s.out.deliver = append(s.out.deliver, out)
}

// refusal is an err of this end, and the step that found it.
type refusal struct {
	err  *claims.Control
	step string
}

// refuse answers an item or a whole message with err, as long as this end still sends.
func (s *session) refuse(at *claims.Ref, f *fault.Fault) error {
	if s.ownBye {
		return nil
	}
	r := &refusal{&claims.Control{Top: "err", Code: f.Code, Ref: at}, f.Step}
	if s.resumable() {
		s.refusals = append(s.refusals, r)
	}
	return s.sendRefusal(r)
}

func (s *session) sendRefusal(r *refusal) error {
	if _, err := s.sendControl(r.err); err != nil {
		return err
	}
	at := r.err.Ref
	out := value.Object{member("seq", at.Seq)}
	if at.Index != nil {
		out = append(out, member("index", *at.Index))
	}
	s.out.refused = append(s.out.refused, append(out, member("error", r.err.Code), member("step", r.step)))
	return nil
}
