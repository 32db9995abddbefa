package message

import (
	"github.com/lestrrat-go/jwx/v3/jwk"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/wire"
)

// Epoch are the keys of one epoch in the direction that is opened, and what is taken under them.
type Epoch struct {
	N    uint64
	Keys Keys
	// ControlOnly: application messages are not in the receive table.
	ControlOnly bool
	// Before is, unless it is 0, the number from which on messages under these keys are refused (window order).
	Before uint64

	application, control string
	mac                  jwk.Key
}

// prepare computes the constant headers of an epoch, and the MAC key in the library's form.
func (o *Opener) prepare(e *Epoch) {
	if e.control != "" {
		return
	}
	e.application, e.control = o.outer(e.Keys, o.PeerKey), control(e.Keys)
	if o.Level == "mac" {
		e.mac = jose.Symmetric(e.Keys.MAC)
	}
}

func (e *Epoch) headers() map[uint64]string {
	return map[uint64]string{applicationH(e.N): e.application, controlH(e.N): e.control}
}

// entry is what the receive table says about a frame; epoch is nil where the header does not tell it.
type entry struct {
	epoch     *Epoch
	control   bool
	encrypted bool
}

// lookup does step header: no header is parsed.
func (o *Opener) lookup(f *wire.Frame) (entry, error) {
	for _, e := range o.Epochs {
		o.prepare(e)
		if o.matches(f, wire.Sealed, e.control, controlH(e.N)) {
			return entry{e, true, true}, nil
		}
		if !e.ControlOnly && o.matches(f, o.form(), e.application, applicationH(e.N)) {
			if o.blind() {
				e = nil
			}
			return entry{e, false, o.form() == wire.Sealed}, nil
		}
	}
	if o.Switching && o.blind() && o.matches(f, wire.Signed, o.signed(o.PeerKey), 0) {
		return entry{}, nil
	}
	return entry{}, fault.New("E_HEADER", "header")
}

func (o *Opener) matches(f *wire.Frame, form int, header string, h uint64) bool {
	if o.Text {
		return f.Form == compactForm[form] && string(f.Parts[0]) == header
	}
	return f.Form == form && f.H == h
}

// blind tells whether the header of an application message is the same in every epoch.
func (o *Opener) blind() bool {
	return o.Text && o.Level == "sig"
}

// bound finds the epoch that an application message names by its bnd.
func (o *Opener) bound(bnd string) *Epoch {
	for _, e := range o.Epochs {
		if !e.ControlOnly && e.Keys.Kid == bnd {
			return e
		}
	}
	return nil
}
