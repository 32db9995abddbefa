package session

import (
	"encoding/hex"

	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// outcome is what one step did.
type outcome struct {
	emit, deliver, settled, refused, denied, undetermined []any
	thrown                                                string
	thrownCall                                            int // which call of a turn that was
	opened, resumed, refreshed, epoch, superseded         value.Object
	closed, attempt, failed, ended                        value.Object
	notRefreshed, soon                                    bool
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
func (o *outcome) members() value.Object {
	out := value.Object{}
	for _, list := range []struct {
		name  string
		items []any
	}{
		{"emit", o.emit}, {"deliver", o.deliver}, {"settled", o.settled}, {"refused", o.refused}, {"denied", o.denied},
		{"undetermined", o.undetermined},
	} {
		if len(list.items) > 0 {
			out = append(out, member(list.name, list.items))
		}
	}
	for _, part := range []struct {
		name  string
		value value.Object
	}{
		{"opened", o.opened}, {"resumed", o.resumed}, {"refreshed", o.refreshed}, {"epoch", o.epoch}, {"superseded", o.superseded},
		{"close", o.closed}, {"failed", o.attempt}, {"error", o.failed}, {"ended", o.ended},
	} {
		if part.value != nil {
			out = append(out, member(part.name, part.value))
		}
	}
	if o.notRefreshed {
		out = append(out, member("notRefreshed", true))
	}
	if o.soon {
		out = append(out, member("soon", true))
	}
	if o.thrown != "" {
		thrown := value.Object{member("error", o.thrown)}
		if o.thrownCall >= 0 {
			thrown = append(thrown, member("call", o.thrownCall))
		}
		out = append(out, member("thrown", thrown))
	}
	return out
}
