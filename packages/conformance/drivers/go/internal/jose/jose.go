package jose

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

// Import gives a JWK to the library.
func Import(key value.Object) (jwk.Key, error) {
	bare := value.Object{}
	for _, m := range key {
		switch m.Name {
		case "kty", "crv", "x", "y", "d", "k", "n", "e":
			bare = append(bare, m)
		}
	}
	return jwk.ParseKey(value.WriteJSON(bare))
}

// Symmetric gives a secret to the library.
func Symmetric(secret []byte) jwk.Key {
	key, err := jwk.Import(secret)
	if err != nil {
		panic(err)
	}
	return key
}

// SignatureAlg is the algorithm that a JWK is for: one key, one algorithm.
func SignatureAlg(key value.Object) jwa.SignatureAlgorithm {
	kty, _ := key.Text("kty")
	switch kty {
	case "EC":
		return jwa.ES256()
	case "OKP":
		return jwa.EdDSAEd25519()
	}
	return jwa.HS256()
}

// Verify lets the library verify a compact JWS. The library does not compare the algorithm of the header by itself.
func Verify(text string, alg jwa.SignatureAlgorithm, key jwk.Key) ([]byte, error) {
	var message jws.Message
	payload, err := jws.Verify([]byte(text), jws.WithCompact(), jws.WithKey(alg, key), jws.WithCritValidation(true), jws.WithMessage(&message))
	if err != nil {
		return nil, err
	}
	if named, _ := message.Signatures()[0].ProtectedHeaders().Algorithm(); named != alg {
		return nil, errKey
	}
	return payload, nil
}

// VerifyBy verifies with a checked public key.
func (p *Public) VerifyBy(text string) ([]byte, error) {
	key, err := Import(p.JWK)
	if err != nil {
		return nil, err
	}
	return Verify(text, SignatureAlg(p.JWK), key)
}

// DecryptDirect lets go-jose decrypt a compact JWE with alg dir. The other library cannot: it takes an empty plaintext
// for a failure.
func DecryptDirect(text string, key []byte) ([]byte, error) {
	return goDecrypt(text, gojose.DIRECT, key)
}

func goDecrypt(text string, alg gojose.KeyAlgorithm, key any) ([]byte, error) {
	object, err := gojose.ParseEncryptedCompact(text, []gojose.KeyAlgorithm{alg}, []gojose.ContentEncryption{gojose.A256GCM})
	if err != nil {
		return nil, err
	}
	return object.Decrypt(key)
}

// DecryptAgreed lets a library decrypt a compact JWE with alg ECDH-ES: P-256 go-jose, X25519 the one that has it.
func (p *Private) DecryptAgreed(text string) ([]byte, error) {
	if p.Crv == "P-256" {
		return goDecrypt(text, gojose.ECDH_ES, p.ecdsa)
	}
	key, err := jwk.Import(p.ecdh)
	if err != nil {
		return nil, err
	}
	var contentKey []byte
	plaintext, err := jwe.Decrypt([]byte(text), jwe.WithKey(jwa.ECDH_ES(), key), jwe.WithCritValidation(true), jwe.WithCEK(&contentKey))
	if err != nil && contentKey != nil {
		// jwx gives the content key only once the tag has verified, and then takes an empty plaintext for a failure.
		return []byte{}, nil
	}
	return plaintext, err
}

// SignHMAC makes a compact JWS with HS256.
func SignHMAC(key []byte, header string, payload []byte) string {
	input := wire.Encode([]byte(header)) + "." + wire.Encode(payload)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + wire.Encode(mac.Sum(nil))
}

// Sign makes a compact JWS, ES256 with the nonces of RFC 6979.
func (p *Private) Sign(header string, payload []byte) (string, error) {
	input := wire.Encode([]byte(header)) + "." + wire.Encode(payload)
	if p.Crv == "Ed25519" {
		return input + "." + wire.Encode(ed25519.Sign(p.ed, []byte(input))), nil
	}
	sum := sha256.Sum256([]byte(input))
	der, err := p.ecdsa.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return "", err
	}
	raw := make([]byte, 64)
	pair.R.FillBytes(raw[:32])
	pair.S.FillBytes(raw[32:])
	return input + "." + wire.Encode(raw), nil
}

// Encrypt makes the parts of a JWE with alg dir and enc A256GCM under a given nonce.
func Encrypt(key, nonce []byte, header string, plaintext []byte) *wire.Frame {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	sealed := gcm.Seal(nil, nonce, plaintext, []byte(wire.Encode([]byte(header))))
	cut := len(sealed) - 16
	return &wire.Frame{Form: wire.JWE, Parts: [][]byte{[]byte(header), nil, nonce, sealed[:cut], sealed[cut:]}}
}
