package main

import (
	"encoding/hex"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
)

func claimsRead(in input) (value.Object, error) {
	switch in.text("kind") {
	case "application":
		a, err := claims.ReadApplication(in.bytes("bytes"), in.text("codec"), in.text("level"))
		if err != nil {
			return nil, err
		}
		return applicationOut(a), nil
	case "control":
		c, err := claims.ReadControl(in.bytes("bytes"), claims.Expect{})
		if err != nil {
			return nil, err
		}
		return controlOut(c), nil
	case "standalone":
		s, err := claims.ReadStandalone(in.bytes("bytes"), in.flag("encrypted"))
		if err != nil {
			return nil, fault.Harmless(err)
		}
		return standaloneOut(s), nil
	}
	return nil, fault.Caller()
}

func applicationOut(a *claims.Application) value.Object {
	out := value.Object{member("seq", a.Seq), member("exp", a.Exp)}
	if a.Iat != nil {
		out = append(out, member("iat", *a.Iat))
	}
	if a.Iss != "" {
		out = append(out, member("iss", a.Iss), member("aud", a.Aud), member("bnd", a.Bnd))
	}
	if a.Jti != "" {
		out = append(out, member("jti", a.Jti))
	}
	items := []any{}
	for _, i := range a.Items {
		items = append(items, value.Object{
			member("top", i.Top), member("ref", i.Ref.Wire()), member("req", i.Req), member("data", i.Data),
		})
	}
	return append(out, member("items", items))
}

func controlOut(c *claims.Control) value.Object {
	out := value.Object{member("seq", c.Seq), member("top", c.Top)}
	if c.Top != "void" {
		out = append(out, member("rcv", c.Rcv))
	}
	if c.N != 0 {
		out = append(out, member("n", c.N), member("epk", c.Epk))
	}
	if c.Top == "auth" {
		out = append(out, member("at", c.At))
	}
	if c.Exp != nil {
		out = append(out, member("exp", *c.Exp), member("scp", c.Scp))
	}
	if c.Code != "" {
		out = append(out, member("code", c.Code))
	}
	if c.Ref != nil {
		out = append(out, member("ref", c.Ref.Wire()))
	}
	return out
}

func claimsWrite(in input) (value.Object, error) {
	var bytes []byte
	switch in.text("kind") {
	case "application":
		a := applicationIn(in)
		if !a.Sealable(in.text("codec"), in.text("level")) {
			return nil, fault.Caller()
		}
		bytes = a.Write(in.text("codec"))
	case "control":
		bytes = controlIn(in, in.number("seq", 0)).Write()
	case "standalone":
		s := standaloneIn(in)
		if !s.Sealable() {
			return nil, fault.Caller()
		}
		bytes = s.Write()
	default:
		return nil, fault.Caller()
	}
	return value.Object{member("bytes", hex.EncodeToString(bytes))}, nil
}

// applicationIn takes the claims of an application message from the input of a vector.
func applicationIn(in input) *claims.Application {
	a := &claims.Application{
		Iss: in.text("iss"), Aud: in.text("aud"), Bnd: in.text("bnd"),
		Seq: in.number("seq", 0), Jti: in.text("jti"), Exp: in.number("exp", 0), Batch: in.Has("bat"),
	}
	if bat, ok := in.Get("bat"); ok {
		// Items of another shape are none, and no batch is without.
		a.Items, _ = claims.ReadItems(data(bat))
	} else {
		content, _ := in.Get("data")
		a.Items = []claims.Item{{Top: in.text("top"), Ref: in.ref("ref"), Req: in.flag("req"), Data: data(content)}}
	}
	if in.Has("iat") {
		iat := in.number("iat", 0)
		a.Iat = &iat
	}
	return a
}

func controlIn(in input, seq int64) *claims.Control {
	c := &claims.Control{
		Seq: seq, Top: in.text("top"), N: in.number("n", 0), Epk: in.object("epk"), At: in.text("at"), Code: in.text("code"),
		Ref: in.ref("ref"), Rcv: in.number("rcv", 0),
	}
	if in.Has("exp") {
		exp := in.number("exp", 0)
		c.Exp = &exp
	}
	c.Scp, _ = in.List("scp")
	return c
}

func (in input) ref(name string) *claims.Ref {
	v, _ := in.Get(name)
	r, ok := claims.ReadRef(v)
	if !ok {
		return nil
	}
	return r
}
