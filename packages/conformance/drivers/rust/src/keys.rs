//! Public keys as JWK: the checks of conventions.md, section 5, and thumbprints.

use crate::b64;
use crate::value::{Value, hex, object, unhex};
use sha2::{Digest, Sha256};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Curve {
    P256,
    Ed25519,
    X25519,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Sign,
    Agree,
}

/// A public key that has passed its check.
#[derive(Clone)]
pub struct Public {
    pub curve: Curve,
    x: String,
    y: Option<String>,
}

/// A private key and its public half.
pub struct Private {
    pub public: Public,
    pub d: Vec<u8>,
}

/// The u of X25519 and the y of Ed25519 that have small order, without the most significant bit.
const SMALL_U: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

const SMALL_Y: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

/// 2^255 - 19, little-endian.
const FIELD: &str = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";

/// The hex of an Ed25519 or X25519 key without its most significant bit.
fn unsigned(key: &[u8]) -> String {
    let mut bytes = key.to_vec();
    bytes[31] &= 0x7f;
    hex(&bytes)
}

/// Is y below p? Compared from the most significant byte, which stands last.
fn is_reduced(y: &str) -> bool {
    let order = |text: &str| unhex(text).unwrap_or_default().into_iter().rev().collect::<Vec<u8>>();
    order(y) < order(FIELD)
}

fn coordinate(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    let text = jwk.get(name)?.as_str()?;
    b64::decode(text.as_bytes()).filter(|bytes| bytes.len() == 32)
}

fn text(jwk: &Value, name: &str) -> Option<String> {
    jwk.get(name)?.as_str().map(str::to_string)
}

impl Public {
    /// The check of the point and of the members that hold it; None is `E_KEY`.
    pub fn check(jwk: &Value, purpose: Use) -> Option<Public> {
        let x = coordinate(jwk, "x")?;
        let curve = match (jwk.get("kty")?.as_str()?, jwk.get("crv")?.as_str()?, purpose) {
            ("EC", "P-256", _) => {
                let y = coordinate(jwk, "y")?;
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                p256::PublicKey::from_sec1_bytes(&point).ok()?;
                Curve::P256
            }
            ("OKP", "Ed25519", Use::Sign) => {
                let y = unsigned(&x);
                if SMALL_Y.contains(&y.as_str()) || !is_reduced(&y) {
                    return None;
                }
                Curve::Ed25519
            }
            ("OKP", "X25519", Use::Agree) => {
                if SMALL_U.contains(&unsigned(&x).as_str()) {
                    return None;
                }
                Curve::X25519
            }
            _ => return None,
        };
        let y = text(jwk, "y").filter(|_| curve == Curve::P256);
        Some(Public {
            curve,
            x: text(jwk, "x")?,
            y,
        })
    }

    /// A key of the configuration: its `alg` has to be the one of its type and use.
    pub fn configured(jwk: &Value, purpose: Use) -> Option<Public> {
        let public = Public::check(jwk, purpose)?;
        (jwk.get("alg")?.as_str()? == public.alg(purpose)).then_some(public)
    }

    pub fn alg(&self, purpose: Use) -> &'static str {
        match (purpose, self.curve) {
            (Use::Agree, _) => "ECDH-ES",
            (Use::Sign, Curve::P256) => "ES256",
            (Use::Sign, _) => "Ed25519",
        }
    }

    fn kty(&self) -> (&'static str, &'static str) {
        match self.curve {
            Curve::P256 => ("EC", "P-256"),
            Curve::Ed25519 => ("OKP", "Ed25519"),
            Curve::X25519 => ("OKP", "X25519"),
        }
    }

    /// The members that are public, in the order of the table.
    pub fn to_jwk(&self) -> Value {
        let (kty, crv) = self.kty();
        object([
            ("kty", Some(Value::str(kty))),
            ("crv", Some(Value::str(crv))),
            ("x", Some(Value::str(&self.x))),
            ("y", self.y.as_ref().map(Value::str)),
        ])
    }

    pub fn thumbprint(&self) -> String {
        let (kty, crv) = self.kty();
        let canonical = object([
            ("crv", Some(Value::str(crv))),
            ("kty", Some(Value::str(kty))),
            ("x", Some(Value::str(&self.x))),
            ("y", self.y.as_ref().map(Value::str)),
        ]);
        b64::encode(&Sha256::digest(canonical.to_json()))
    }

    /// Has the JWK exactly the members of the table for this curve?
    pub fn is_exact(&self, jwk: &Value) -> bool {
        let expected = self.to_jwk();
        jwk.members().len() == expected.members().len()
    }

    pub fn x(&self) -> Vec<u8> {
        b64::decode(self.x.as_bytes()).unwrap_or_default()
    }

    pub fn sec1(&self) -> Vec<u8> {
        let y = self.y.as_ref().and_then(|y| b64::decode(y.as_bytes()));
        [vec![4], self.x(), y.unwrap_or_default()].concat()
    }

    /// A public key from raw coordinates.
    pub fn from_raw(curve: Curve, x: &[u8], y: Option<&[u8]>) -> Public {
        Public {
            curve,
            x: b64::encode(x),
            y: y.map(b64::encode),
        }
    }
}

impl Private {
    pub fn configured(jwk: &Value, purpose: Use) -> Option<Private> {
        let public = Public::configured(jwk, purpose)?;
        let d = coordinate(jwk, "d")?;
        Some(Private { public, d })
    }
}
