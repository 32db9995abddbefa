//! Standalone envelopes (envelope.md, section 13).

use crate::claims::{self, Standalone, is_identifier};
use crate::fail::{Fail, fail, type_error};
use crate::frame::{Frame, MESSAGE_BYTES, Message, compact, jws_segments};
use crate::jose::{self, Key, Signing};
use crate::json;
use crate::keys::{Private, Public, Use};
use crate::open::life;
use crate::value::{Value, object};
use crate::write::{self, header};
use std::collections::HashMap;

const SIGNED: &str = "sealwire-env+jwt";
const OUTER: &str = "sealwire-envx+jwt";
const INNER: &str = "sealwire-envi+jwt";
const HEADER_BYTES: usize = 1024;
const HEADER_MEMBERS: usize = 12;
const SKEW: u64 = 60;
const TTL_MAX: u64 = 86_400;

/// An opener with its configuration.
pub struct Opener {
    /// Its own identity, then its groups.
    audience: Vec<String>,
    /// Thumbprint to identity and key.
    signers: HashMap<String, (String, Public)>,
    decryption: Option<Private>,
    max_life: u64,
}

pub struct Opened {
    pub claims: Standalone,
    pub encrypted: bool,
}

/// Nothing about an envelope is fatal (`standalone:not-fatal`).
fn refuse(code: &'static str, step: &'static str) -> Fail {
    Fail {
        fatal: false,
        ..fail(code, step)
    }
}

impl Opener {
    /// The importer: every refusal is a mistake of the caller.
    pub fn configure(input: &Value) -> Option<Opener> {
        let audience: Vec<String> = match input.get("audience")? {
            Value::Arr(names) => names
                .iter()
                .map(|n| n.as_str().map(str::to_string))
                .collect::<Option<_>>()?,
            own => vec![own.as_str()?.to_string()],
        };
        let mut signers: HashMap<String, (String, Public)> = HashMap::new();
        for (identity, set) in input.get("keys")?.members() {
            for jwk in set.get("keys")?.as_arr()? {
                let key = Public::configured(jwk, Use::Sign)?;
                let earlier = signers.insert(key.thumbprint(), (identity.clone(), key));
                if earlier.is_some_and(|(other, _)| other != *identity) {
                    return None;
                }
            }
        }
        let decryption = match input.get("decryptionKey") {
            Some(jwk) => Some(Private::configured(jwk, Use::Agree)?),
            None => None,
        };
        let shared = decryption.as_ref().map(|key| key.public.thumbprint());
        let max_life = input.get("maxLife").map_or(Some(300), Value::as_int)?;
        let names = audience.iter().chain(signers.values().map(|(identity, _)| identity));
        if !names.into_iter().all(|name| is_identifier(name)) || audience.is_empty() {
            return None;
        }
        if shared.is_some_and(|thumbprint| signers.contains_key(&thumbprint)) || max_life > TTL_MAX {
            return None;
        }
        Some(Opener {
            audience,
            signers,
            decryption,
            max_life,
        })
    }

    /// Steps `frame` to `time`.
    pub fn open(&self, message: &Message, now: u64) -> Result<Opened, Fail> {
        self.steps(message, now).map_err(|f| refuse(f.code, f.step))
    }

    fn steps(&self, message: &Message, now: u64) -> Result<Opened, Fail> {
        message.check_size(MESSAGE_BYTES)?;
        let Frame::Compact(parts) = message.decode()? else {
            return Err(fail("E_HEADER", "header"));
        };
        let encrypted = parts.len() == 5;
        let (payload, signer) = if encrypted {
            self.inner(&self.decrypt(&parts)?)?
        } else {
            self.verify(&parts, SIGNED, "crypto")?
        };
        let claims = claims::standalone(&payload, encrypted)?;
        if claims.iss != *signer {
            return Err(fail("E_KEY", "claims"));
        }
        let names = if encrypted { &self.audience[..1] } else { &self.audience };
        if !names.contains(&claims.aud) {
            return Err(fail("E_BINDING", "claims"));
        }
        life(Some(claims.iat), claims.exp, now, SKEW, self.max_life)?;
        Ok(Opened { claims, encrypted })
    }

    /// The header of a JWS, its key and its signature; the payload and the identity of the key.
    fn verify(&self, parts: &[Vec<u8>], typ: &str, step: &'static str) -> Result<(Vec<u8>, &String), Fail> {
        let header = parsed(&parts[0], &["alg", "cty", "kid", "typ"])?;
        let is = |name: &str, expected: &str| text(&header, name) == Some(expected);
        if !is("typ", typ) {
            return Err(fail("E_TYP", "header"));
        }
        let signer = text(&header, "kid").and_then(|kid| self.signers.get(kid));
        let (identity, key) = signer.ok_or_else(|| fail("E_KEY", "header"))?;
        if !is("alg", key.alg(Use::Sign)) {
            return Err(fail("E_ALG", "header"));
        }
        if header.get("cty").is_some() {
            return Err(fail("E_CTY", "header"));
        }
        let payload = jose::verify(&Key::Verify(key.clone()), &compact(parts));
        Ok((payload.ok_or_else(|| fail("E_CRYPTO", step))?, identity))
    }

    fn decrypt(&self, parts: &[Vec<u8>]) -> Result<Vec<u8>, Fail> {
        let header = parsed(&parts[0], &["alg", "enc", "cty", "epk", "kid", "typ"])?;
        let is = |name: &str, expected: &str| text(&header, name) == Some(expected);
        let unless = |holds: bool, code| if holds { Ok(()) } else { Err(fail(code, "header")) };
        unless(is("typ", OUTER), "E_TYP")?;
        let key = self
            .decryption
            .as_ref()
            .filter(|key| is("kid", &key.public.thumbprint()));
        let key = key.ok_or_else(|| fail("E_KEY", "header"))?;
        let epk = header.get("epk").and_then(|jwk| {
            let point = Public::check(jwk, Use::Agree)?;
            Some(point.curve == key.public.curve && point.is_exact(jwk))
        });
        unless(epk == Some(true), "E_KEY")?;
        unless(is("alg", "ECDH-ES") && is("enc", "A256GCM"), "E_ALG")?;
        unless(is("cty", "JWT"), "E_CTY")?;
        let crypto = || fail("E_CRYPTO", "crypto");
        if parts[2].len() != 12 || parts[4].len() != 16 {
            return Err(crypto());
        }
        let key = Key::Agree(Private {
            public: key.public.clone(),
            d: key.d.clone(),
        });
        jose::decrypt(&key, &compact(parts)).ok_or_else(crypto)
    }

    /// Step `inner`: until its signature verifies, every defect of the inner object has one code.
    fn inner(&self, plaintext: &[u8]) -> Result<(Vec<u8>, &String), Fail> {
        let parts = jws_segments(plaintext, "inner")?;
        self.verify(&parts, INNER, "inner")
            .map_err(|_| fail("E_CRYPTO", "inner"))
    }
}

fn text<'a>(header: &'a Value, name: &str) -> Option<&'a str> {
    header.get(name)?.as_str()
}

/// A parsed header within its size and its allow-list.
pub fn parsed(bytes: &[u8], allowed: &[&str]) -> Result<Value, Fail> {
    let header = || fail("E_HEADER", "header");
    if bytes.len() > HEADER_BYTES {
        return Err(header());
    }
    let value = json::parse(bytes, &json::CLAIMS).map_err(|_| header())?;
    let members = value.members();
    let listed = members.iter().all(|(name, _)| allowed.contains(&name.as_str()));
    if members.len() > HEADER_MEMBERS || !listed {
        return Err(header());
    }
    Ok(value)
}

/// Sealing, with every refusal a mistake of the caller.
pub fn seal(input: &Value) -> Result<Message, Fail> {
    let binary = input.get("wire").and_then(Value::as_str) == Some("binary");
    let signer = input.get("signer").and_then(|jwk| Private::configured(jwk, Use::Sign));
    let signer = signer.ok_or_else(type_error)?;
    let recipient = match input.get("encryptTo") {
        Some(jwk) => Some(Public::configured(jwk, Use::Agree).ok_or_else(type_error)?),
        None => None,
    };
    let thumbprint = signer.public.thumbprint();
    if recipient.as_ref().is_some_and(|r| r.thumbprint() == thumbprint) {
        return Err(type_error());
    }
    let payload = write::standalone(input)?;
    let typ = if recipient.is_some() { INNER } else { SIGNED };
    let alg = signer.public.alg(Use::Sign);
    let inner = header([("alg", alg), ("kid", &thumbprint), ("typ", typ)]);
    let jws = jose::sign(&Signing::Key(&signer), &inner, &payload).ok_or_else(type_error)?;
    let parts = match recipient {
        None => jws,
        Some(recipient) => encrypt(&recipient, &compact(&jws)).ok_or_else(type_error)?,
    };
    Frame::Compact(parts).to_message(binary)
}

fn encrypt(recipient: &Public, jws: &str) -> Option<Vec<Vec<u8>>> {
    let (ephemeral, key) = jose::agree(recipient)?;
    let mut iv = [0; 12];
    getrandom::fill(&mut iv).ok()?;
    let outer = object([
        ("alg", Some(Value::str("ECDH-ES"))),
        ("enc", Some(Value::str("A256GCM"))),
        ("cty", Some(Value::str("JWT"))),
        ("epk", Some(ephemeral.to_jwk())),
        ("kid", Some(Value::str(recipient.thumbprint()))),
        ("typ", Some(Value::str(OUTER))),
    ]);
    jose::encrypt(&key, &outer.to_json(), &iv, jws.as_bytes())
}
