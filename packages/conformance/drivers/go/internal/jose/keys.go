// Package jose gives the JOSE library the keys of the specification, and checks public keys before it sees them.
package jose

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"

	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

var errKey = errors.New("not an acceptable key")

// Public is a public key on the wire that has passed its checks.
type Public struct {
	Crv  string
	X, Y []byte
	JWK  value.Object
}

// Members tells whether the JWK has exactly the members that its key type and curve ask for, all of them strings.
func Members(jwk value.Object, crv string) bool {
	kty, names := "OKP", []string{"kty", "crv", "x"}
	if crv == "P-256" {
		kty, names = "EC", append(names, "y")
	}
	if len(jwk) != len(names) {
		return false
	}
	for _, name := range names {
		if _, ok := jwk.Text(name); !ok {
			return false
		}
	}
	t, _ := jwk.Text("kty")
	c, _ := jwk.Text("crv")
	return t == kty && c == crv
}

// Point checks the coordinates of a public key whose members have been checked.
func Point(jwk value.Object) (*Public, error) {
	crv, _ := jwk.Text("crv")
	text, _ := jwk.Text("x")
	x, ok := wire.DecodeLength(text, 32)
	if !ok {
		return nil, errKey
	}
	p := &Public{Crv: crv, X: x}
	switch crv {
	case "P-256":
		text, _ = jwk.Text("y")
		if p.Y, ok = wire.DecodeLength(text, 32); !ok || !onCurve(p.X, p.Y) {
			return nil, errKey
		}
		p.JWK = value.Object{{Name: "kty", Value: "EC"}, {Name: "crv", Value: crv}, {Name: "x", Value: wire.Encode(p.X)}, {Name: "y", Value: wire.Encode(p.Y)}}
		return p, nil
	case "X25519":
		if smallOrder[unsigned(x)] {
			return nil, errKey
		}
	case "Ed25519":
		if smallOrderEd[unsigned(x)] || !reduced(x) {
			return nil, errKey
		}
	default:
		return nil, errKey
	}
	p.JWK = value.Object{{Name: "kty", Value: "OKP"}, {Name: "crv", Value: crv}, {Name: "x", Value: wire.Encode(p.X)}}
	return p, nil
}

// onCurve checks x, y < p and y² = x³ - 3x + b (mod p), since WebCrypto engines cannot be relied on to do it.
func onCurve(xb, yb []byte) bool {
	curve := elliptic.P256().Params()
	x, y := new(big.Int).SetBytes(xb), new(big.Int).SetBytes(yb)
	if x.Cmp(curve.P) >= 0 || y.Cmp(curve.P) >= 0 {
		return false
	}
	right := new(big.Int).Mul(x, x)
	right.Sub(right, big.NewInt(3)).Mul(right, x).Add(right, curve.B).Mod(right, curve.P)
	left := new(big.Int).Mul(y, y)
	return left.Mod(left, curve.P).Cmp(right) == 0
}

// unsigned is a little-endian value without its most significant bit, in hex.
func unsigned(x []byte) string {
	return hex.EncodeToString(append(x[:31:31], x[31]&0x7f))
}

// reduced tells whether the y of an Ed25519 key is below 2^255 - 19. Otherwise all its bits from 2^8 on are set.
func reduced(x []byte) bool {
	for _, b := range x[1:31] {
		if b != 0xff {
			return true
		}
	}
	return x[31]&0x7f != 0x7f || x[0] < 0xed
}

var smallOrder = map[string]bool{
	"0000000000000000000000000000000000000000000000000000000000000000": true,
	"0100000000000000000000000000000000000000000000000000000000000000": true,
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800": true,
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157": true,
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
}

var smallOrderEd = map[string]bool{
	"0000000000000000000000000000000000000000000000000000000000000000": true,
	"0100000000000000000000000000000000000000000000000000000000000000": true,
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": true,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": true,
}

// Thumbprint is the SHA-256 JWK thumbprint (RFC 7638).
func (p *Public) Thumbprint() string {
	members := value.Object{{Name: "crv", Value: p.Crv}, {Name: "kty", Value: "OKP"}, {Name: "x", Value: wire.Encode(p.X)}}
	if p.Crv == "P-256" {
		members[1].Value = "EC"
		members = append(members, value.Member{Name: "y", Value: wire.Encode(p.Y)})
	}
	sum := sha256.Sum256(value.WriteJSON(members))
	return wire.Encode(sum[:])
}

// Alg is the one signature algorithm of the key, empty for a key that agrees.
func (p *Public) Alg() string {
	return map[string]string{"P-256": "ES256", "Ed25519": "Ed25519"}[p.Crv]
}

// Signing reads a public signing key; members beside those of the point are ignored.
func Signing(jwk value.Object) (*Public, error) {
	p, err := bare(jwk)
	if err != nil || p.Alg() == "" {
		return nil, errKey
	}
	return p, nil
}

// Agreeing reads a public key of key agreement in the same way.
func Agreeing(jwk value.Object) (*Public, error) {
	p, err := bare(jwk)
	if err != nil || p.Crv == "Ed25519" {
		return nil, errKey
	}
	return p, nil
}

// Configured reads a signing key of a configuration: alg has to be that of its key.
func Configured(jwk value.Object) (*Public, error) {
	p, err := Signing(jwk)
	if alg, _ := jwk.Text("alg"); err != nil || alg != p.Alg() {
		return nil, errKey
	}
	return p, nil
}

// KeySet reads configured signing keys by their thumbprints.
func KeySet(set value.Object) (map[string]*Public, error) {
	keys := map[string]*Public{}
	list, _ := set.List("keys")
	for _, v := range list {
		jwk, _ := v.(value.Object)
		key, err := Configured(jwk)
		if err != nil {
			return nil, err
		}
		keys[key.Thumbprint()] = key
	}
	return keys, nil
}

// Recipient reads the key to which envelopes are encrypted.
func Recipient(jwk value.Object) (*Public, error) {
	p, err := bare(jwk)
	if alg, _ := jwk.Text("alg"); err != nil || alg != "ECDH-ES" || p.Crv == "Ed25519" {
		return nil, errKey
	}
	return p, nil
}

func bare(jwk value.Object) (*Public, error) {
	bare := value.Object{}
	for _, m := range jwk {
		if m.Name == "kty" || m.Name == "crv" || m.Name == "x" || m.Name == "y" {
			bare = append(bare, m)
		}
	}
	crv, _ := bare.Text("crv")
	if !Members(bare, crv) {
		return nil, errKey
	}
	return Point(bare)
}

// Private is a key with its secret part.
type Private struct {
	*Public
	ecdsa *ecdsa.PrivateKey
	ed    ed25519.PrivateKey
	ecdh  *ecdh.PrivateKey
}

// Secret reads a private JWK.
func Secret(jwk value.Object) (*Private, error) {
	public, err := bare(jwk)
	if err != nil {
		return nil, err
	}
	text, _ := jwk.Text("d")
	d, ok := wire.DecodeLength(text, 32)
	if !ok {
		return nil, errKey
	}
	p := &Private{Public: public}
	switch public.Crv {
	case "P-256":
		if p.ecdsa, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), d); err == nil {
			p.ecdh, err = p.ecdsa.ECDH()
		}
	case "X25519":
		p.ecdh, err = ecdh.X25519().NewPrivateKey(d)
	case "Ed25519":
		p.ed = ed25519.NewKeyFromSeed(d)
	}
	return p, err
}

// Signer reads a private JWK of a configuration: alg has to be that of its key.
func Signer(jwk value.Object) (*Private, error) {
	p, err := Secret(jwk)
	if alg, _ := jwk.Text("alg"); err != nil || alg == "" || alg != p.Alg() {
		return nil, errKey
	}
	return p, nil
}

// Agree gives Z; the standard library refuses an X25519 output of zero bytes.
func (p *Private) Agree(peer *Public) ([]byte, error) {
	curve, raw := ecdh.X25519(), peer.X
	if peer.Crv == "P-256" {
		curve, raw = ecdh.P256(), append(append([]byte{4}, peer.X...), peer.Y...)
	}
	public, err := curve.NewPublicKey(raw)
	if err != nil || p.ecdh == nil {
		return nil, errKey
	}
	return p.ecdh.ECDH(public)
}

// Ephemeral makes a fresh key for one agreement.
func Ephemeral(crv string) (*Private, error) {
	curve := ecdh.X25519()
	if crv == "P-256" {
		curve = ecdh.P256()
	}
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	raw := key.PublicKey().Bytes()
	jwk := value.Object{{Name: "kty", Value: "OKP"}, {Name: "crv", Value: crv}, {Name: "x", Value: wire.Encode(raw)}}
	if crv == "P-256" {
		jwk[0].Value, jwk[2].Value = "EC", wire.Encode(raw[1:33])
		jwk = append(jwk, value.Member{Name: "y", Value: wire.Encode(raw[33:])})
	}
	return Secret(append(jwk, value.Member{Name: "d", Value: wire.Encode(key.Bytes())}))
}
