package session

import (
	"cmp"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/value"
)

// At which the reference implementation closes a batch. So many bytes of claims fit every peer's lim.msg on either wire.
const (
	batchItems = 64
	batchBytes = 16384
)

// place names a message: its number, and in a batch its index, which is -1 outside of one.
type place struct{ seq, index int64 }

func placeIn(a *claims.Application, index int) place {
	if !a.Batch {
		index = -1
	}
	return place{a.Seq, int64(index)}
}

func placeOf(r *claims.Ref) place {
	if r.Index == nil {
		return place{r.Seq, -1}
	}
	return place{r.Seq, *r.Index}
}

func (p place) ref() *claims.Ref {
	if p.index < 0 {
		return &claims.Ref{Seq: p.seq}
	}
	return &claims.Ref{Seq: p.seq, Index: &p.index}
}

// out is how an outcome begins that is about this message.
func (p place) out() value.Object {
	if p.index < 0 {
		return value.Object{member("seq", p.seq)}
	}
	return value.Object{member("seq", p.seq), member("index", p.index)}
}

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.seq, other.seq), cmp.Compare(p.index, other.index))
}

// turn is several calls of the application, whose messages can share a number. Of those that are refused the first is told.
func (e *Endpoint) turn(calls []Call) {
	thrown, at := "", -1
	for i, call := range calls {
		e.out.thrown = ""
		if call.Op == "close" {
			if s := e.session; s != nil && s.state != closed {
				s.closeInOrder()
			}
			continue
		}
		e.call(call.Step, call.Op == "request")
		if thrown == "" && e.out.thrown != "" {
			thrown, at = e.out.thrown, i
		}
	}
	e.out.thrown, e.out.thrownCall = thrown, at
	e.turnEnds()
}

// turnEnds does what is due after calls of the application.
func (e *Endpoint) turnEnds() {
	if s := e.session; s != nil && s.state == open {
		s.must(s.duties())
	}
}

// joins adds a message to the one that was gathered, if both live as long and there is room.
func (s *session) joins(m *sent) bool {
	g := s.gathered
	if g == nil || g.claims.Exp != m.claims.Exp {
		return false
	}
	both := g.claims
	both.Batch = true
	both.Items = append(append([]claims.Item{}, g.claims.Items...), m.claims.Items...)
	body, _ := s.sealer.Measure(&both)
	if body > batchBytes || !s.roomFor(body, false) {
		return false
	}
	g.claims, g.body = both, int64(body)
	if len(both.Items) == batchItems {
		s.must(s.sealGathered())
	}
	return true
}

// sealGathered sends what was gathered: nothing joins it any more.
func (s *session) sealGathered() error {
	m := s.gathered
	if m == nil {
		return nil
	}
	s.gathered = nil
	s.applications += int64(len(m.claims.Items))
	for i, item := range m.claims.Items {
		if at := placeIn(&m.claims, i); item.Req {
			s.requests[at] = request{item.Top, s.now + s.limit("requestSeconds")}
		} else {
			s.oneWay[at] = true
		}
	}
	return s.seal(m)
}

// named are the own messages that an err is about: all of a batch that is named by its number.
func (s *session) named(r *claims.Ref) []place {
	at := placeOf(r)
	list := []place{at}
	for i := int64(0); at.index < 0 && i < batchItems; i++ {
		list = append(list, place{at.seq, i})
	}
	return list
}
