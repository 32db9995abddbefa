package message

import (
	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
)

func refused(code string) error {
	return fault.New(code, "claims")
}

// compare does the part of step claims that looks at the session.
func (o *Opener) compare(out *Opened, encrypted bool) error {
	var seq uint64
	if a := out.Application; a != nil {
		seq = uint64(a.Seq)
		if err := o.binding(out); err != nil {
			return err
		}
	} else {
		seq = uint64(out.Control.Seq)
	}
	if encrypted && seq != out.Seq {
		return refused("E_SEQ")
	}
	if out.Seq = seq; !encrypted {
		if err := out.Epoch.admits(seq); err != nil {
			return err
		}
		if code := o.Order.Check(seq); code != "" {
			return refused(code)
		}
	}
	if out.Control != nil {
		return o.compareControl(out.Control)
	}
	for _, i := range out.Application.Items {
		if i.Ref != nil && i.Ref.Seq > o.Sent {
			return refused("E_CLAIMS")
		}
	}
	return nil
}

// binding compares who signed for whom, and on which connection and epoch.
func (o *Opener) binding(out *Opened) error {
	a := out.Application
	if !claims.Signs(o.Level) {
		return nil
	}
	if a.Iss != o.Peer {
		return refused("E_KEY")
	}
	if out.Epoch == nil {
		out.Epoch = o.bound(a.Bnd)
	}
	if a.Aud != o.Self || out.Epoch == nil || a.Bnd != out.Epoch.Keys.Kid {
		return refused("E_BINDING")
	}
	return nil
}

func (o *Opener) compareControl(c *claims.Control) error {
	if resumed := c.Top == "resumed"; resumed != o.First {
		if resumed {
			return refused("E_SEQ")
		}
		return refused("E_CLAIMS")
	}
	if c.Ref != nil && c.Ref.Seq > o.Sent {
		return refused("E_CLAIMS")
	}
	if c.Top != "void" && (c.Rcv > o.Sent || c.Rcv < o.Rcv) {
		return refused("E_SEQ")
	}
	return nil
}
