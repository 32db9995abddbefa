//! The stock library's own calls for verifying and decrypting, and the primitives with which a sealer makes exact bytes.

use crate::b64;
use crate::keys::{Curve, Private, Public, Use};
use crate::value::{Value, object};
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hmac::{Hmac, Mac};
use jose_rs::jwe::{JweDecryptOptions, compact as jwe};
use jose_rs::jwk::Jwk;
use jose_rs::jws::compact as jws;
use jose_rs::{JweAlgorithm, JweEncryption};
use p256::ecdsa::signature::Signer;
use sha2::{Digest, Sha256};

/// What the library needs to know of a key: its members, and the one algorithm that it is for.
pub enum Key {
    Hs256(Vec<u8>),
    Dir(Vec<u8>),
    Verify(Public),
    Agree(Private),
}

fn library_key(public: &Public, purpose: Use, d: Option<&[u8]>) -> Option<Jwk> {
    let mut members = public.to_jwk().members().to_vec();
    members.push(("alg".to_string(), Value::str(public.alg(purpose))));
    if let Some(d) = d {
        members.push(("d".to_string(), Value::str(b64::encode(d))));
    }
    serde_json::from_str(&Value::Obj(members).to_json()).ok()
}

fn symmetric(alg: &str, key: &[u8]) -> Option<Jwk> {
    let members = object([
        ("kty", Some(Value::str("oct"))),
        ("k", Some(Value::str(b64::encode(key)))),
        ("alg", Some(Value::str(alg))),
    ]);
    serde_json::from_str(&members.to_json()).ok()
}

/// The payload of a compact JWS, or None.
pub fn verify(key: &Key, text: &str) -> Option<Vec<u8>> {
    match key {
        Key::Hs256(key) => jws::verify_with_jwk(&symmetric("HS256", key)?, text).ok(),
        Key::Verify(public) => verify_with(&library_key(public, Use::Sign, None)?, text),
        _ => None,
    }
}

/// The same for a public key of the library. It takes ES256 signatures in DER and in other lengths too, where RFC 7518,
/// section 3.4, has exactly 64 bytes; so the length is looked at before.
fn verify_with(key: &Jwk, text: &str) -> Option<Vec<u8>> {
    let signature = b64::decode(text.rsplit('.').next()?.as_bytes())?;
    let raw = !matches!(key.alg.as_deref(), Some("ES256" | "Ed25519")) || signature.len() == 64;
    jws::verify_with_jwk(key, text).ok().filter(|_| raw)
}

/// The payload of an access token that verifies under this key of its issuer with this algorithm.
pub fn verify_token(jwk: &Value, alg: &str, text: &str) -> Option<Vec<u8>> {
    let mut key: Jwk = serde_json::from_str(&jwk.to_json()).ok()?;
    key.alg.get_or_insert_with(|| alg.to_string());
    verify_with(&key, text)
}

/// The plaintext of a compact JWE, or None.
pub fn decrypt(key: &Key, text: &str) -> Option<Vec<u8>> {
    match key {
        Key::Dir(key) => {
            let options = JweDecryptOptions::new(vec![JweAlgorithm::Dir], vec![JweEncryption::A256GCM]);
            jwe::decrypt_with_options(key, text, &options).ok()
        }
        Key::Agree(private) => {
            let key = library_key(&private.public, Use::Agree, Some(&private.d))?;
            let header = jwe::decode_header(text).ok()?;
            let plaintext = jwe::decrypt_with_jwk(&key, text).ok()?;
            (header.enc.as_deref() == Some("A256GCM")).then_some(plaintext)
        }
        _ => None,
    }
}

/// The key of `jose.verify` and `jose.decrypt`.
pub fn key_of(jwk: &Value, decrypts: bool) -> Option<Key> {
    if let Some(k) = jwk.get("k") {
        let k = b64::decode(k.as_str()?.as_bytes())?;
        return Some(if decrypts { Key::Dir(k) } else { Key::Hs256(k) });
    }
    if !decrypts {
        return Public::check(jwk, Use::Sign).map(Key::Verify);
    }
    let d = b64::decode(jwk.get("d")?.as_str()?.as_bytes())?;
    let public = Public::check(jwk, Use::Agree)?;
    Some(Key::Agree(Private { public, d }))
}

/// What signs: a private key, or the key of an HMAC.
pub enum Signing<'a> {
    Key(&'a Private),
    Mac(&'a [u8]),
}

/// The segments of a JWS.
pub fn sign(signing: &Signing, header: &str, payload: &[u8]) -> Option<Vec<Vec<u8>>> {
    let input = format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(payload));
    let input = input.as_bytes();
    let signature = match signing {
        Signing::Mac(key) => {
            let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.chain_update(input).finalize().into_bytes().to_vec()
        }
        Signing::Key(key) if key.public.curve == Curve::P256 => {
            let signer = p256::ecdsa::SigningKey::from_slice(&key.d).ok()?;
            let signature: p256::ecdsa::Signature = signer.sign(input);
            signature.to_bytes().to_vec()
        }
        Signing::Key(key) => {
            let seed: [u8; 32] = key.d.clone().try_into().ok()?;
            ed25519_dalek::SigningKey::from_bytes(&seed)
                .sign(input)
                .to_bytes()
                .to_vec()
        }
    };
    Some(vec![header.as_bytes().to_vec(), payload.to_vec(), signature])
}

/// The segments of a JWE, as in envelope.md, section 8.
pub fn encrypt(key: &[u8], header: &str, iv: &[u8], plaintext: &[u8]) -> Option<Vec<Vec<u8>>> {
    let cipher = Aes256Gcm::new_from_slice(key).ok()?;
    let nonce = iv.try_into().ok()?;
    let aad = b64::encode(header.as_bytes());
    let payload = Payload {
        msg: plaintext,
        aad: aad.as_bytes(),
    };
    let mut ciphertext = cipher.encrypt(nonce, payload).ok()?;
    let tag = ciphertext.split_off(ciphertext.len() - 16);
    Some(vec![header.as_bytes().to_vec(), vec![], iv.to_vec(), ciphertext, tag])
}

/// A new ephemeral key pair on the curve of the recipient, and the content key agreed with it (envelope.md, section 13.4).
pub fn agree(recipient: &Public) -> Option<(Public, Vec<u8>)> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).ok()?;
    let (ephemeral, z) = if recipient.curve == Curve::P256 {
        let secret = p256::SecretKey::from_slice(&secret).ok()?;
        let peer = p256::PublicKey::from_sec1_bytes(&recipient.sec1()).ok()?;
        let z = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), peer.as_affine());
        let point = secret.public_key().to_sec1_bytes();
        let point = if point.len() == 65 { point } else { return None };
        let public = Public::from_raw(Curve::P256, &point[1..33], Some(&point[33..]));
        (public, z.raw_secret_bytes().to_vec())
    } else {
        let peer: [u8; 32] = recipient.x().try_into().ok()?;
        let secret = x25519_dalek::StaticSecret::from(secret);
        let public = x25519_dalek::PublicKey::from(&secret);
        let z = secret.diffie_hellman(&x25519_dalek::PublicKey::from(peer));
        let public = Public::from_raw(Curve::X25519, public.as_bytes(), None);
        (public, z.as_bytes().to_vec())
    };
    let key = Sha256::new()
        .chain_update(1u32.to_be_bytes())
        .chain_update(z)
        .chain_update(lp(b"A256GCM"))
        .chain_update(lp(b""))
        .chain_update(lp(b""))
        .chain_update(256u32.to_be_bytes())
        .finalize();
    Some((ephemeral, key.to_vec()))
}

/// lp(x) of conventions.md, section 2.
pub fn lp(x: &[u8]) -> Vec<u8> {
    [&(x.len() as u32).to_be_bytes(), x].concat()
}
