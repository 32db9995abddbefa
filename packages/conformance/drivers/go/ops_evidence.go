package main

import (
	"sealwire/driver/internal/evidence"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/token"
	"sealwire/driver/internal/value"
)

func evidenceVerify(in input) (value.Object, error) {
	issuers, _ := in.List("issuers")
	server := input{in.object("server")}
	pinned, err := jose.KeySet(server.object("keys"))
	if err != nil {
		return nil, fault.Caller()
	}
	v := &evidence.Verifier{Issuers: token.Issuers(issuers, ""), ServerID: server.text("id"), Pinned: pinned}
	bundle := input{in.object("evidence")}
	p, err := v.Verify(evidence.Bundle{JWS: bundle.text("jws"), JWK: bundle.object("jwk"), Token: bundle.text("token")})
	if err != nil {
		return nil, fault.Harmless(err)
	}
	m := p.Message
	signer := value.Object{member("kind", "server"), member("id", m.Iss)}
	if c := p.Client; c != nil {
		signer = value.Object{member("kind", "client"), member("id", c.Sub), member("issuer", c.Iss)}
	}
	items := []any{}
	for _, i := range m.Items {
		items = append(items, value.Object{member("top", i.Top), member("data", i.Data)})
	}
	return value.Object{
		member("signer", signer), member("thumbprint", p.Thumbprint), member("audience", m.Aud),
		member("seq", m.Seq), member("iat", *m.Iat), member("exp", m.Exp), member("items", items),
	}, nil
}
