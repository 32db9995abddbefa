package message

import (
	"encoding/binary"

	"github.com/lestrrat-go/jwx/v3/jwa"

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
	Epochs []*Epoch
	// Switching: the ack that begins an epoch is still to come, in strict order.
	Switching  bool
	PeerKey    *jose.Public
	Self, Peer string
	MaxBytes   int
	Order      replay.Order
	Sent, Rcv  int64
	Expect     claims.Expect
	// First: the message that is awaited is the resumed of a new connection.
	First bool
}

// Opened is an authentic message, either of the application or of control.
type Opened struct {
	Application *claims.Application
	Control     *claims.Control
	Epoch       *Epoch
	JWS         string
	Seq         uint64
	Body        []byte // the claims as they came
}

// Open runs the steps frame to claims.
func (o *Opener) Open(m wire.Message) (*Opened, error) {
	f, err := wire.Read(o.Text, m, o.MaxBytes)
	if err != nil {
		return nil, err
	}
	at, err := o.lookup(f)
	if err != nil {
		return nil, err
	}
	out := &Opened{Epoch: at.epoch}
	var body []byte
	if at.encrypted {
		if out.Seq, err = o.sequence(f, at.epoch); err != nil {
			return nil, err
		}
		body, err = o.decrypt(f, at.epoch)
	} else {
		body, err = o.verify(f, at.epoch, out)
	}
	if err != nil {
		return nil, err
	}
	if at.control {
		out.Control, err = claims.ReadControl(body, o.Expect)
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
	out.Body = body
	return out, o.compare(out, at.encrypted)
}

// sequence finds the number outside the ciphertext and compares it with the state.
func (o *Opener) sequence(f *wire.Frame, e *Epoch) (uint64, error) {
	seq := f.Seq
	if o.Text {
		iv := f.Parts[2]
		if len(iv) != 12 {
			return 0, fault.New("E_IV", "sequence")
		}
		plain := make([]byte, 12)
		for i := range plain {
			plain[i] = iv[i] ^ e.Keys.IV[i]
		}
		seq = binary.BigEndian.Uint64(plain[4:])
		if binary.BigEndian.Uint32(plain) != 0 || seq > value.MaxInteger {
			return 0, fault.New("E_IV", "sequence")
		}
	}
	if err := e.admits(seq); err != nil {
		return 0, err
	}
	if code := o.Order.Check(seq); code != "" {
		return 0, fault.New(code, "sequence")
	}
	return seq, nil
}

// admits refuses what is numbered like the next epoch but sealed under this one.
func (e *Epoch) admits(seq uint64) error {
	if e.Before != 0 && seq >= e.Before {
		return fault.New("E_HEADER", "header")
	}
	return nil
}

func (o *Opener) decrypt(f *wire.Frame, e *Epoch) ([]byte, error) {
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
		if text, err = f.Expand(e.headers(), e.Keys.IV); err != nil {
			return nil, err
		}
	}
	plain, err := jose.DecryptDirect(text, e.Keys.Key)
	if err != nil {
		return nil, failed
	}
	return plain, nil
}

func (o *Opener) verify(f *wire.Frame, e *Epoch, out *Opened) ([]byte, error) {
	text := f.Text
	if !o.Text {
		var err error
		if text, err = f.Expand(e.headers(), e.Keys.IV); err != nil {
			return nil, err
		}
	}
	var payload []byte
	var err error
	if o.Level == "mac" {
		payload, err = jose.Verify(text, jwa.HS256(), e.mac)
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
	if string(f.Parts[0]) != o.signed(o.PeerKey) || err != nil {
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

// Dropped tells whether window order passes over a failure.
func Dropped(err error) bool {
	f, ok := err.(*fault.Fault)
	if !ok {
		return false
	}
	return f.Step == "header" || f.Step == "sequence" || f.Step == "crypto" || f.Step == "claims" && f.Code == "E_REPLAY"
}
