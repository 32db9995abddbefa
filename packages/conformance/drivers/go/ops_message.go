package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/message"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Limits of a session.
const (
	keyMessages   = 16777216
	skewSeconds   = 30
	messageTTLMax = 300
	messageTTL    = 60
)

func (in input) channel() message.Channel {
	return message.Channel{Text: in.onText(), Level: in.text("level"), Codec: in.text("codec")}
}

func (in input) keys() message.Keys {
	k := input{in.object("keys")}
	return message.Keys{Key: k.bytes("key"), IV: k.bytes("iv"), MAC: k.bytes("mac"), Kid: wire.Encode(k.bytes("kid"))}
}

func (in input) opener() (*message.Opener, error) {
	o := &message.Opener{
		Channel: in.channel(), Epochs: []*message.Epoch{{Keys: in.keys()}}, Self: in.text("self"), Peer: in.text("peer"),
		MaxBytes: int(in.number("maxBytes", messageBytes)), Sent: in.number("sent", 0), Rcv: in.number("rcv", 0),
	}
	if jwk := in.object("peerKey"); jwk != nil {
		key, err := jose.Configured(jwk)
		if err != nil {
			return nil, fault.Caller()
		}
		o.PeerKey = key
	}
	if in.text("order") == "window" {
		window := replay.NewWindow(uint64(in.number("window", 1024)))
		list, _ := in.List("committed")
		for _, n := range list {
			f, _ := value.Float(n)
			window.Commit(uint64(f))
		}
		o.Order, o.Rcv = window, 0
	} else {
		o.Order = &replay.Strict{Last: uint64(in.number("last", 0))}
	}
	return o, nil
}

func messageOpen(in input) (value.Object, error) {
	o, err := in.opener()
	if err != nil {
		return nil, err
	}
	m, err := o.Open(in.message("message"))
	if err != nil {
		if in.text("order") == "window" && message.Dropped(err) {
			return nil, fault.Harmless(err)
		}
		return nil, err
	}
	if m.Seq > keyMessages {
		return nil, fault.New("E_KEY_LIMIT", "commit")
	}
	if c := m.Control; c != nil {
		if c.Top == "bye" && m.Seq < o.Order.Top() {
			return nil, fault.New("E_STATE", "commit")
		}
		return append(value.Object{member("kind", "control")}, controlOut(c)...), nil
	}
	a := m.Application
	if err := claims.CheckTime(a.Iat, a.Exp, in.number("now", 0), skewSeconds, messageTTLMax); err != nil {
		return nil, err
	}
	out := append(value.Object{member("kind", "message")}, applicationOut(a)...)
	if m.JWS != "" {
		out = append(out, member("jws", m.JWS))
	}
	return out, nil
}

func (in input) sealer() (*message.Sealer, error) {
	s := &message.Sealer{Channel: in.channel(), Keys: in.keys(), Self: in.text("self"), Peer: in.text("peer")}
	if jwk := in.object("signer"); jwk != nil {
		key, err := jose.Secret(jwk)
		if err != nil {
			return nil, fault.Caller()
		}
		s.Signer = key
	}
	return s, nil
}

func messageSeal(in input) (value.Object, error) {
	s, err := in.sealer()
	if err != nil {
		return nil, err
	}
	if control := in.object("control"); control != nil {
		m, err := s.Control(controlIn(input{control}, in.number("seq", 0)))
		if err != nil {
			return nil, err
		}
		return value.Object{member("message", messageOut(m))}, nil
	}
	a := applicationIn(in)
	if !s.Complete(a) {
		return nil, fault.Caller()
	}
	m, err := s.Application(a)
	if err != nil {
		return nil, err
	}
	return value.Object{member("message", messageOut(m))}, nil
}

func messageAccumulate(in input) (value.Object, error) {
	s, err := in.sealer()
	if err != nil {
		return nil, err
	}
	o, err := in.opener()
	if err != nil {
		return nil, err
	}
	o.Self, o.Peer = s.Peer, s.Self
	clock, seed := in.number("clock", 0), in.text("seed")
	total := sha256.New()
	for i := int64(1); i <= in.number("count", 0); i++ {
		digits := strconv.FormatInt(i, 10)
		x := sha256.Sum256([]byte(seed + digits))
		content := value.Object{member("i", i), member("x", hex.EncodeToString(x[:]))}
		a := &claims.Application{Seq: i, Exp: clock + messageTTL, Items: []claims.Item{{Top: "acc", Data: content}}}
		if claims.Signs(s.Level) {
			a.Iat = &clock
		}
		if !s.Complete(a) {
			return nil, fault.Caller()
		}
		m, err := s.Application(a)
		if err != nil {
			return nil, err
		}
		opened, err := o.Open(m)
		if err != nil {
			return nil, err
		}
		o.Order.Commit(opened.Seq)
		got := opened.Application
		if err := claims.CheckTime(got.Iat, got.Exp, clock, skewSeconds, messageTTLMax); err != nil {
			return nil, err
		}
		total.Write([]byte(m.Text))
		total.Write(m.Binary)
	}
	return value.Object{member("digest", hex.EncodeToString(total.Sum(nil)))}, nil
}
