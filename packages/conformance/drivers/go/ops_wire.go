package main

import (
	"encoding/hex"
	"strconv"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

const messageBytes = 1048576

func frameDecode(in input) (value.Object, error) {
	f, err := wire.Read(in.onText(), in.message("message"), int(in.number("maxBytes", messageBytes)))
	if err != nil {
		return nil, err
	}
	out := value.Object{member("form", f.Form)}
	if f.Form >= wire.Sealed {
		out = append(out, member("h", f.H))
	}
	if f.Form == wire.Sealed {
		out = append(out, member("seq", f.Seq))
	}
	for i, name := range wire.PartNames[f.Form] {
		out = append(out, member(name, hex.EncodeToString(f.Parts[i])))
	}
	return out, nil
}

func frameEncode(in input) (value.Object, error) {
	form := in.number("form", -1)
	if form < 0 || form > wire.Signed {
		return nil, fault.Caller()
	}
	f := &wire.Frame{Form: int(form), H: uint64(in.number("h", 0)), Seq: uint64(in.number("seq", 0))}
	for _, name := range wire.PartNames[form] {
		f.Parts = append(f.Parts, in.bytes(name))
	}
	m, err := f.Encode(in.onText())
	if err != nil {
		return nil, err
	}
	return value.Object{member("message", messageOut(m))}, nil
}

func frameExpand(in input) (value.Object, error) {
	f, err := wire.Read(false, in.message("message"), messageBytes)
	if err != nil {
		return nil, err
	}
	headers := map[uint64]string{}
	for _, m := range in.object("headers") {
		h, err := strconv.ParseUint(m.Name, 10, 64)
		if err != nil {
			return nil, fault.Caller()
		}
		headers[h], _ = m.Value.(string)
	}
	text, err := f.Expand(headers, in.bytes("staticIv"))
	if err != nil {
		return nil, err
	}
	return value.Object{member("text", text)}, nil
}

func joseVerify(in input) (value.Object, error) {
	jwk := in.object("key")
	key, err := jose.Import(jwk)
	if err != nil {
		return nil, fault.New("E_CRYPTO", "crypto")
	}
	payload, err := jose.Verify(in.text("text"), jose.SignatureAlg(jwk), key)
	return opened(in.text("text"), "payload", payload, err)
}

func joseDecrypt(in input) (value.Object, error) {
	jwk := in.object("key")
	var plaintext []byte
	var err error
	if kty, _ := jwk.Text("kty"); kty == "oct" {
		k, _ := jwk.Text("k")
		secret, _ := wire.Decode(k)
		plaintext, err = jose.DecryptDirect(in.text("text"), secret)
	} else {
		var key *jose.Private
		if key, err = jose.Secret(jwk); err == nil {
			plaintext, err = key.DecryptAgreed(in.text("text"))
		}
	}
	return opened(in.text("text"), "plaintext", plaintext, err)
}

func opened(text, name string, content []byte, err error) (value.Object, error) {
	f, code := wire.Compact(text)
	if err != nil || code != "" && f == nil {
		return nil, fault.New("E_CRYPTO", "crypto")
	}
	return value.Object{member("header", string(f.Parts[0])), member(name, hex.EncodeToString(content))}, nil
}

func keyCheck(in input) (value.Object, error) {
	read := jose.Signing
	if in.text("use") == "agree" {
		read = jose.Agreeing
	}
	p, err := read(in.object("jwk"))
	if err != nil {
		return nil, fault.New("E_KEY", "claims")
	}
	if in.text("use") == "agree" {
		return value.Object{}, nil
	}
	return value.Object{member("thumbprint", p.Thumbprint())}, nil
}
