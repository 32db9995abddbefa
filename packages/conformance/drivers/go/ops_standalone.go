package main

import (
	"sealwire/driver/internal/claims"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/standalone"
	"sealwire/driver/internal/value"
)

const standaloneTTLMax = 86400

func standaloneOpen(in input) (value.Object, error) {
	signers, err := standalone.Table(in.object("keys"))
	if err != nil {
		return nil, err
	}
	o := &standalone.Opener{Signers: signers, MaxLife: in.number("maxLife", messageTTLMax), Audience: []string{in.text("audience")}}
	if list, ok := in.List("audience"); ok {
		o.Audience = texts(list)
	}
	if o.MaxLife > standaloneTTLMax {
		return nil, fault.Caller()
	}
	if jwk := in.object("decryptionKey"); jwk != nil {
		if _, err := jose.Recipient(jwk); err != nil {
			return nil, fault.Caller()
		}
		if o.Decryption, err = jose.Secret(jwk); err != nil {
			return nil, fault.Caller()
		}
		if _, both := signers[o.Decryption.Thumbprint()]; both {
			return nil, fault.Caller()
		}
	}
	seen := map[[2]string]bool{}
	list, _ := in.List("seen")
	for _, v := range list {
		if pair, _ := v.([]any); len(pair) == 2 {
			names := texts(pair)
			seen[[2]string{names[0], names[1]}] = true
		}
	}
	o.Seen = func(iss, jti string) bool { return seen[[2]string{iss, jti}] }
	s, encrypted, err := o.Open(in.message("message"), in.number("now", 0))
	if err != nil {
		return nil, fault.Harmless(err)
	}
	return append(standaloneOut(s), member("encrypted", encrypted)), nil
}

func standaloneOut(s *claims.Standalone) value.Object {
	out := value.Object{
		member("iss", s.Iss), member("aud", s.Aud), member("jti", s.Jti), member("iat", s.Iat), member("exp", s.Exp),
		member("top", s.Top), member("data", s.Data),
	}
	if s.Ref != "" {
		out = append(out, member("ref", s.Ref))
	}
	return out
}

func standaloneIn(in input) *claims.Standalone {
	content, _ := in.Get("data")
	return &claims.Standalone{
		Iss: in.text("iss"), Aud: in.text("aud"), Jti: in.text("jti"), Iat: in.number("iat", 0), Exp: in.number("exp", 0),
		Top: in.text("top"), Ref: in.text("ref"), Data: data(content),
	}
}

func standaloneSeal(in input) (value.Object, error) {
	signer, err := jose.Signer(in.object("signer"))
	if ref, has := in.Get("ref"); has && ref != any(in.text("ref")) {
		return nil, fault.Caller()
	}
	if err != nil {
		return nil, fault.Caller()
	}
	var recipient *jose.Public
	if jwk := in.object("encryptTo"); jwk != nil {
		if recipient, err = jose.Recipient(jwk); err != nil || recipient.Thumbprint() == signer.Thumbprint() {
			return nil, fault.Caller()
		}
	}
	f, err := standalone.Seal(standaloneIn(in), signer, recipient)
	if err != nil {
		return nil, err
	}
	m, err := f.Encode(in.onText())
	if err != nil {
		return nil, err
	}
	return value.Object{member("message", messageOut(m))}, nil
}

func texts(list []any) []string {
	out := []string{}
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}
