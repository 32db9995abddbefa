package session

import (
	"slices"
	"strings"
	"unicode/utf8"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

const messageBytesMin = 65536

var badClaims = fault.New("E_CLAIMS", "claims")

// hello is a CH.
type hello struct {
	version                int64
	aud                    string
	prt, st, lvl, sig, cod []string
	kex                    []any
	msg                    int64
	rcv                    int64 // of a resume
	ath                    string
}

func name(v any) (string, bool) {
	s, ok := v.(string)
	n := utf8.RuneCountInString(s)
	return s, ok && n >= 1 && n <= 64
}

func names(o value.Object, member string, most int) ([]string, bool) {
	list, ok := o.List(member)
	if !ok || len(list) < 1 || len(list) > most {
		return nil, false
	}
	out := []string{}
	for _, v := range list {
		s, ok := name(v)
		if !ok || slices.Contains(out, s) {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func hash(o value.Object, member string, size int) ([]byte, bool) {
	s, ok := o.Text(member)
	if !ok {
		return nil, false
	}
	return wire.DecodeLength(s, size)
}

func lim(o value.Object) (int64, bool) {
	limits, ok := o.Object("lim")
	msg, ok2 := limits.Integer("msg")
	return msg, ok && ok2 && msg >= messageBytesMin
}

// announced is the rcv of a resume.
func announced(o value.Object) (int64, bool) {
	rs, ok := o.Object("rs")
	rcv, ok2 := rs.Integer("rcv")
	return rcv, ok && ok2
}

// parseResumeHello checks the syntax of the CH of a resume.
func parseResumeHello(text []byte) (*hello, error) {
	h, err := parseClientHello(text)
	if err != nil {
		return nil, err
	}
	o, _ := value.ParseJSON(text)
	rcv, ok := announced(o)
	if o.Has("ath") {
		_, good := hash(o, "ath", 32)
		h.ath, _ = o.Text("ath")
		ok = ok && good
	}
	if h.rcv = rcv; !ok {
		return nil, badClaims
	}
	return h, nil
}

// parseClientHello checks the syntax of CH.
func parseClientHello(text []byte) (*hello, error) {
	o, err := value.ParseJSON(text)
	if err != nil {
		return nil, badClaims
	}
	h := &hello{}
	typ, _ := o.Text("typ")
	_, rnd := hash(o, "rnd", 32)
	good := typ == "sealwire-ch" && rnd
	check := func(ok bool) { good = good && ok }
	var ok bool
	h.version, ok = o.Integer("v")
	check(ok)
	h.aud, ok = o.Text("aud")
	check(ok && claims.Identifier(h.aud))
	h.prt, ok = names(o, "prt", 8)
	check(ok && !slices.ContainsFunc(h.prt, func(p string) bool { return !strings.HasPrefix(p, "sealwire.v") }))
	h.st, ok = names(o, "st", 4)
	check(ok)
	h.kex, ok = o.List("kex")
	check(ok && len(h.kex) == len(h.st))
	h.lvl, ok = names(o, "lvl", 16)
	check(ok)
	h.sig, ok = names(o, "sig", 16)
	check(ok)
	h.cod, ok = names(o, "cod", 16)
	check(ok)
	h.msg, ok = lim(o)
	check(ok)
	if !good {
		return nil, badClaims
	}
	return h, nil
}

// serverHello is the payload of SH.
type serverHello struct {
	iss, th, prt, st, lvl, cod string
	iat, res, msg, rcv         int64
	epk                        value.Object
	pop, seq                   string
}

// parseServerHello checks the syntax of SH; that of a resume has rs in place of iss.
func parseServerHello(text []byte, resume bool) (*serverHello, error) {
	o, err := value.ParseJSON(text)
	if err != nil {
		return nil, badClaims
	}
	s := &serverHello{}
	good := true
	check := func(ok bool) { good = good && ok }
	var ok bool
	if resume {
		s.rcv, ok = announced(o)
	} else {
		s.iss, ok = o.Text("iss")
		ok = ok && claims.Identifier(s.iss)
	}
	check(ok)
	s.iat, ok = o.Integer("iat")
	check(ok)
	_, ok = hash(o, "th", 32)
	check(ok)
	s.th, _ = o.Text("th")
	_, ok = hash(o, "rnd", 32)
	check(ok)
	for member, into := range map[string]*string{"prt": &s.prt, "st": &s.st, "lvl": &s.lvl, "cod": &s.cod} {
		v, _ := o.Get(member)
		*into, ok = name(v)
		check(ok)
	}
	s.epk, ok = o.Object("epk")
	check(ok)
	pol, ok := o.Object("pol")
	check(ok)
	s.pop, _ = pol.Text("pop")
	check(s.pop == "required" || s.pop == "optional")
	s.res, ok = pol.Integer("res")
	check(ok)
	s.seq, _ = pol.Text("seq")
	check(s.seq == "strict" || s.seq == "window")
	s.msg, ok = lim(o)
	check(ok)
	if !good {
		return nil, badClaims
	}
	return s, nil
}

// first is the first name of an offer that is supported.
func first(offer, supported []string) (string, bool) {
	for _, n := range offer {
		if slices.Contains(supported, n) {
			return n, true
		}
	}
	return "", false
}
