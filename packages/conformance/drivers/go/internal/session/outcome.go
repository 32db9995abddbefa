package session

import (
	"encoding/hex"

	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// outcome is what one step did.
type outcome struct {
	emit, deliver, settled, refused, denied []any
	thrown                                  string
	opened, closed, failed, ended           value.Object
}

func member(name string, v any) value.Member {
	return value.Member{Name: name, Value: v}
}

func (o *outcome) send(m wire.Message) {
	out := value.Object{member("binary", hex.EncodeToString(m.Binary))}
	if m.IsText {
		out = value.Object{member("text", m.Text)}
	}
	o.emit = append(o.emit, out)
}

// members are those that are not empty.
func (o *outcome) members(state string) value.Object {
	out := value.Object{}
	for _, list := range []struct {
		name  string
		items []any
	}{{"emit", o.emit}, {"deliver", o.deliver}, {"settled", o.settled}, {"refused", o.refused}, {"denied", o.denied}} {
		if len(list.items) > 0 {
			out = append(out, member(list.name, list.items))
		}
	}
	for _, part := range []struct {
		name  string
		value value.Object
	}{{"opened", o.opened}, {"close", o.closed}, {"error", o.failed}, {"ended", o.ended}} {
		if part.value != nil {
			out = append(out, member(part.name, part.value))
		}
	}
	if o.thrown != "" {
		out = append(out, member("thrown", value.Object{member("error", o.thrown)}))
	}
	return append(out, member("state", state))
}
