package main

import (
	"encoding/hex"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/kdf"
	"sealwire/driver/internal/value"
)

func kdfDerive(in input) (value.Object, error) {
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
	th2 := kdf.TH("th2", []byte(in.text("m1")), []byte(in.text("m2")))
	s := &kdf.Schedule{Z: z, TH2: th2, TH3: kdf.TH("th3", th2, []byte(in.text("p3")))}
	labels := value.Object{}
	add := func(label string, length int) {
		labels = append(labels, member(label, hex.EncodeToString(s.Derive(label, length))))
	}
	for _, prefix := range []string{"c hs", "s hs", "c app", "s app"} {
		for _, kind := range []string{"key", "iv", "mac", "kid"} {
			if kind != "mac" || prefix[2:] == "app" {
				add(prefix+" "+kind, kdf.Size[kind])
			}
		}
	}
	add("cb", 32)
	return value.Object{
		member("th2", hex.EncodeToString(s.TH2)), member("th3", hex.EncodeToString(s.TH3)),
		member("sid", s.SID()), member("labels", labels),
	}, nil
}
