//! Messages of a session: protected headers and sealing at every level (envelope.md, sections 4 and 8).

use crate::claims::Level;
use crate::fail::{Fail, type_error};
use crate::frame::{Frame, Message, compact, nonce};
use crate::jose::{self, Signing};
use crate::keys::{Private, Public, Use};
use crate::value::Value;
use crate::write::{self, header};

/// One direction of a session.
pub struct Direction {
    pub binary: bool,
    pub cbor: bool,
    pub level: Level,
    pub key: Vec<u8>,
    pub iv: Vec<u8>,
    pub mac: Vec<u8>,
    pub kid: String,
    pub sealer: String,
    pub opener: String,
}

const TYP: &str = "sealwire+jwt";

impl Direction {
    pub fn control_header(&self) -> String {
        let (alg, enc, kid) = (("alg", "dir"), ("enc", "A256GCM"), ("kid", self.kid.as_str()));
        header([alg, enc, kid, ("typ", "sealwire-ctl+jwt")])
    }

    /// The header of application messages; at `nest` the outer one.
    pub fn header(&self, signer: Option<&Public>) -> Result<String, Fail> {
        let (enc, kid, typ) = (("enc", "A256GCM"), ("kid", self.kid.as_str()), ("typ", TYP));
        let (mac, dir, cty) = (("alg", "HS256"), ("alg", "dir"), ("cty", "sealwire+cbor"));
        Ok(match (self.level, self.cbor) {
            (Level::Mac, false) => header([mac, kid, typ]),
            (Level::Mac, true) => header([mac, cty, kid, typ]),
            (Level::Aead, false) => header([dir, enc, kid, typ]),
            (Level::Aead, true) => header([dir, enc, cty, kid, typ]),
            (Level::Nest, _) => header([dir, enc, ("cty", "JWT"), kid, typ]),
            (Level::Sig, _) => self.signed_header(signer.ok_or_else(type_error)?),
        })
    }

    /// The header that names the signing key.
    pub fn signed_header(&self, signer: &Public) -> String {
        let thumbprint = signer.thumbprint();
        let (alg, kid, typ) = (
            ("alg", signer.alg(Use::Sign)),
            ("kid", thumbprint.as_str()),
            ("typ", TYP),
        );
        if self.cbor {
            header([alg, ("cty", "sealwire+cbor"), kid, typ])
        } else {
            header([alg, kid, typ])
        }
    }

    fn encrypted(&self, h: u64, header: &str, seq: u64, plaintext: &[u8]) -> Option<Frame> {
        let parts = jose::encrypt(&self.key, header, &nonce(&self.iv, seq)?, plaintext)?;
        if !self.binary {
            return Some(Frame::Compact(parts));
        }
        let data = [parts[3].as_slice(), parts[4].as_slice()].concat();
        Some(Frame::Sealed { h, seq, data })
    }

    pub fn seal_control(&self, seq: u64, claims: &Value) -> Result<Message, Fail> {
        let plaintext = write::control(claims);
        let frame = self.encrypted(1, &self.control_header(), seq, &plaintext);
        frame.ok_or_else(type_error)?.to_message(self.binary)
    }

    /// `claims` holds what the application gives; at `sig` and `nest` the identities are added here.
    pub fn seal(&self, seq: u64, claims: &Value, signer: Option<&Private>) -> Result<Message, Fail> {
        let mut members = claims.members().to_vec();
        if self.level.signed() {
            for (name, value) in [("iss", &self.sealer), ("aud", &self.opener), ("bnd", &self.kid)] {
                members.push((name.to_string(), Value::str(value)));
            }
        }
        let payload = write::application(&Value::Obj(members), self.cbor, self.level)?;
        let header = self.header(signer.map(|s| &s.public))?;
        let sign = || {
            let key = signer.ok_or_else(type_error)?;
            jose::sign(&Signing::Key(key), &self.signed_header(&key.public), &payload).ok_or_else(type_error)
        };
        let jws = match self.level {
            Level::Mac => jose::sign(&Signing::Mac(&self.mac), &header, &payload).ok_or_else(type_error)?,
            Level::Sig => sign()?,
            Level::Aead | Level::Nest => {
                let plaintext = match self.level {
                    Level::Nest => compact(&sign()?).into_bytes(),
                    _ => payload.clone(),
                };
                let frame = self.encrypted(0, &header, seq, &plaintext);
                return frame.ok_or_else(type_error)?.to_message(self.binary);
            }
        };
        let frame = if self.binary {
            let [_, payload, signature] = jws.try_into().map_err(|_| type_error())?;
            Frame::Signed {
                h: 0,
                payload,
                signature,
            }
        } else {
            Frame::Compact(jws)
        };
        frame.to_message(self.binary)
    }
}
