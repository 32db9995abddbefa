package message

import (
	"encoding/binary"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Opener opens the messages of one direction. The caller commits the number that Open has checked.
type Opener struct {
	Channel
	Keys       Keys
	PeerKey    *jose.Public
	Self, Peer string
	MaxBytes   int
	Order      replay.Order
	Sent, Rcv  int64
	table      *table
}

// table is the receive table: the two headers that can come, and the MAC key in the library's form.
type table struct {
	headers map[uint64]string
	inner   string
	mac     jwk.Key
}

// Opened is an authentic message, either of the application or of control.
type Opened struct {
	Application *claims.Application
	Control     *claims.Control
	JWS         string
	Seq         uint64
	Bytes       int
}

func (o *Opener) prepare() {
	o.table = &table{
		headers: map[uint64]string{applicationH: o.outer(o.Keys, o.PeerKey), controlH: control(o.Keys)},
	}
	if o.Level == "mac" {
		o.table.mac = jose.Symmetric(o.Keys.MAC)
	}
	if claims.Signs(o.Level) {
		o.table.inner = o.signed(o.PeerKey)
	}
}

// Open runs the steps frame to claims.
func (o *Opener) Open(m wire.Message) (*Opened, error) {
	if o.table == nil {
		o.prepare()
	}
	f, err := wire.Read(o.Text, m, o.MaxBytes)
	if err != nil {
		return nil, err
	}
	h, encrypted, err := o.lookup(f)
	if err != nil {
		return nil, err
	}
	out := &Opened{}
	var body []byte
	if encrypted {
		if out.Seq, err = o.sequence(f); err != nil {
			return nil, err
		}
		body, err = o.decrypt(f)
	} else {
		body, err = o.verify(f, out)
	}
	if err != nil {
		return nil, err
	}
	if h == controlH {
		out.Control, err = claims.ReadControl(body)
	} else {
		if o.Level == "nest" {
			if body, err = o.unnest(body, out); err != nil {
				return nil, err
			}
		}
		out.Application, err = claims.ReadApplication(body, o.Codec, o.Level)
	}
	if err != nil {
		return nil, err
	}
	out.Bytes = len(body)
	return out, o.compare(out, encrypted)
}

// lookup does step header: the receive table holds two headers, and no header is parsed.
func (o *Opener) lookup(f *wire.Frame) (h uint64, encrypted bool, err error) {
	unknown := fault.New("E_HEADER", "header")
	for h, header := range o.table.headers {
		form := o.form()
		if h == controlH {
			form = wire.Sealed
		}
		if o.Text {
			if f.Form == compactForm[form] && string(f.Parts[0]) == header {
				return h, form == wire.Sealed, nil
			}
		} else if f.Form == form && f.H == h {
			return h, form == wire.Sealed, nil
		}
	}
	return 0, false, unknown
}

// sequence finds the number outside the ciphertext and compares it with the state.
func (o *Opener) sequence(f *wire.Frame) (uint64, error) {
	seq := f.Seq
	if o.Text {
		iv := f.Parts[2]
		if len(iv) != 12 {
			return 0, fault.New("E_IV", "sequence")
		}
		plain := make([]byte, 12)
		for i := range plain {
			plain[i] = iv[i] ^ o.Keys.IV[i]
		}
		seq = binary.BigEndian.Uint64(plain[4:])
		if binary.BigEndian.Uint32(plain) != 0 || seq > value.MaxInteger {
			return 0, fault.New("E_IV", "sequence")
		}
	}
	if code := o.Order.Check(seq); code != "" {
		return 0, fault.New(code, "sequence")
	}
	return seq, nil
}

func (o *Opener) decrypt(f *wire.Frame) ([]byte, error) {
	failed := fault.New("E_CRYPTO", "crypto")
	text := f.Text
	if o.Text {
		if len(f.Parts[4]) != 16 {
			return nil, failed
		}
	} else {
		if len(f.Parts[0]) < 16 {
			return nil, failed
		}
		var err error
		if text, err = f.Expand(o.table.headers, o.Keys.IV); err != nil {
			return nil, err
		}
	}
	plain, err := jose.DecryptDirect(text, o.Keys.Key)
	if err != nil {
		return nil, failed
	}
	return plain, nil
}

func (o *Opener) verify(f *wire.Frame, out *Opened) ([]byte, error) {
	text := f.Text
	if !o.Text {
		var err error
		if text, err = f.Expand(o.table.headers, o.Keys.IV); err != nil {
			return nil, err
		}
	}
	var payload []byte
	var err error
	if o.Level == "mac" {
		payload, err = jose.Verify(text, jwa.HS256(), o.table.mac)
	} else {
		out.JWS = text
		payload, err = o.PeerKey.VerifyBy(text)
	}
	if err != nil {
		return nil, fault.New("E_CRYPTO", "crypto")
	}
	return payload, nil
}

// unnest does step inner.
func (o *Opener) unnest(plaintext []byte, out *Opened) ([]byte, error) {
	f, err := Inner(plaintext)
	if err != nil {
		return nil, err
	}
	text := string(plaintext)
	out.JWS = text
	payload, err := o.PeerKey.VerifyBy(text)
	if string(f.Parts[0]) != o.table.inner || err != nil {
		return nil, fault.New("E_CRYPTO", "inner")
	}
	return payload, nil
}

// Inner reads the compact JWS inside another object.
func Inner(plaintext []byte) (*wire.Frame, error) {
	f, code := wire.CompactJWS(string(plaintext))
	if code != "" {
		return nil, fault.New(code, "inner")
	}
	return f, nil
}

// compare does the part of step claims that looks at the session.
func (o *Opener) compare(out *Opened, encrypted bool) error {
	refused := func(code string) error { return fault.New(code, "claims") }
	refs := []*claims.Ref{}
	var seq uint64
	if a := out.Application; a != nil {
		seq = uint64(a.Seq)
		if claims.Signs(o.Level) {
			if a.Iss != o.Peer {
				return refused("E_KEY")
			}
			if a.Aud != o.Self || a.Bnd != o.Keys.Kid {
				return refused("E_BINDING")
			}
		}
		for _, i := range a.Items {
			refs = append(refs, i.Ref)
		}
	} else {
		seq = uint64(out.Control.Seq)
		refs = append(refs, out.Control.Ref)
	}
	if encrypted && seq != out.Seq {
		return refused("E_SEQ")
	}
	if out.Seq = seq; !encrypted {
		if code := o.Order.Check(seq); code != "" {
			return refused(code)
		}
	}
	for _, r := range refs {
		if r != nil && r.Seq > o.Sent {
			return refused("E_CLAIMS")
		}
	}
	if c := out.Control; c != nil && (c.Rcv > o.Sent || c.Rcv < o.Rcv) {
		return refused("E_SEQ")
	}
	return nil
}

// Dropped tells whether window order passes over a failure.
func Dropped(err error) bool {
	f, ok := err.(*fault.Fault)
	if !ok {
		return false
	}
	return f.Step == "header" || f.Step == "sequence" || f.Step == "crypto" || f.Step == "claims" && f.Code == "E_REPLAY"
}
