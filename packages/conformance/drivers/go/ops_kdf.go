package main

import (
	"encoding/hex"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/value"
)

// agree gives Z of the own and the peer's key.
func (in input) agree() ([]byte, error) {
	own, err := jose.Secret(in.object("own"))
	if err != nil {
		return nil, fault.Caller()
	}
	refused := fault.New("E_KEY", "claims")
	crv := map[string]string{"p256": "P-256", "x25519": "X25519"}[in.text("suite")]
	if !jose.Members(in.object("peer"), crv) {
		return nil, refused
	}
	peer, err := jose.Point(in.object("peer"))
	if err != nil {
		return nil, refused
	}
	z, err := own.Agree(peer)
	if err != nil {
		return nil, refused
	}
	return z, nil
}

// labels are those of a prefix, by their names.
func labels(s kdf.Schedule, prefix string, kinds ...string) value.Object {
	out := value.Object{}
	for _, kind := range kinds {
		label := prefix + " " + kind
		out = append(out, member(label, hex.EncodeToString(s.Derive(label, kdf.Size[kind]))))
	}
	return out
}

// applicationLabels are those of both directions and the chain.
func applicationLabels(s kdf.Schedule) value.Object {
	out := append(labels(s, "c app", "key", "iv", "mac", "kid"), labels(s, "s app", "key", "iv", "mac", "kid")...)
	return append(out, member("chain", hex.EncodeToString(s.Chain())))
}

// binding is the value of channel binding.
func binding(s kdf.Schedule) value.Member {
	return member("cb", hex.EncodeToString(s.Derive("cb", 32)))
}

func kdfDerive(in input) (value.Object, error) {
	z, err := in.agree()
	if err != nil {
		return nil, err
	}
	th2 := kdf.TH("th2", []byte(in.text("m1")), []byte(in.text("m2")))
	th3 := kdf.TH("th3", th2, []byte(in.text("p3")))
	early, late := kdf.Schedule{Z: z, Salt: th2, Context: th2}, kdf.Schedule{Z: z, Salt: th2, Context: th3}
	all := append(labels(early, "c hs", "key", "iv", "kid"), labels(late, "s hs", "key", "iv", "kid")...)
	all = append(append(all, applicationLabels(late)...), binding(late))
	return value.Object{
		member("th2", hex.EncodeToString(th2)), member("th3", hex.EncodeToString(th3)),
		member("sid", kdf.SID(th2)), member("labels", all),
	}, nil
}

func kdfRekey(in input) (value.Object, error) {
	z, err := in.agree()
	if err != nil {
		return nil, err
	}
	s := kdf.Chain(in.bytes("chain")).Rekey(z, []byte(in.text("rekey")), []byte(in.text("rekeyed")))
	return value.Object{member("tr", hex.EncodeToString(s.Context)), member("labels", applicationLabels(s))}, nil
}

func kdfResume(in input) (value.Object, error) {
	z, err := in.agree()
	if err != nil {
		return nil, err
	}
	chain := kdf.Chain(in.bytes("chain"))
	s := chain.Resume(z, kdf.TH("th2", []byte(in.text("m1")), []byte(in.text("m2"))))
	return value.Object{
		member("th2", hex.EncodeToString(s.Context)), member("kid", chain.Kid()),
		member("clientKey", hex.EncodeToString(chain.HelloKey("c"))), member("serverKey", hex.EncodeToString(chain.HelloKey("s"))),
		member("labels", append(applicationLabels(s), binding(s))),
	}, nil
}
