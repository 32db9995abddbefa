//! Reading claims: syntax only (envelope.md, sections 5 to 7 and 13.2; session.md, section 11).

use crate::b64;
use crate::cbor;
use crate::control::{self, Control};
use crate::fail::{Fail, claims as refuse};
use crate::json;
use crate::value::Value;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Mac,
    Sig,
    Aead,
    Nest,
}

impl Level {
    pub fn signed(self) -> bool {
        matches!(self, Level::Sig | Level::Nest)
    }

    pub fn encrypted(self) -> bool {
        matches!(self, Level::Aead | Level::Nest)
    }
}

/// One message, or one item of a batch.
pub struct Item {
    pub top: String,
    pub reference: Option<Value>,
    pub req: bool,
    pub data: Value,
}

pub struct Application {
    pub seq: u64,
    pub jti: Option<String>,
    pub iat: Option<u64>,
    pub exp: u64,
    pub iss: Option<String>,
    pub aud: Option<String>,
    pub bnd: Option<String>,
    pub items: Vec<Item>,
}

pub struct Standalone {
    pub iss: String,
    pub aud: String,
    pub jti: String,
    pub iat: u64,
    pub exp: u64,
    pub top: String,
    pub reference: Option<String>,
    pub data: Value,
}

pub fn is_identifier(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|b| (0x21..=0x7e).contains(&b))
}

pub fn is_topic(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

pub fn is_id(text: &str) -> bool {
    text.len() == 22 && b64::is_bytes(text, 16)
}

/// The number of the message that a `ref` names; None where it has another shape.
pub fn place(reference: &Value) -> Option<u64> {
    let seq = match reference {
        Value::Arr(pair) => match pair.as_slice() {
            [seq, index] => seq.as_int().filter(|_| index.as_int().is_some_and(|i| i <= 255)),
            _ => None,
        },
        other => other.as_int(),
    };
    seq.filter(|n| *n >= 1)
}

pub struct Members<'a>(pub &'a Value);

impl<'a> Members<'a> {
    /// An optional member that passes `check`.
    fn optional<T>(&self, name: &str, check: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, Fail> {
        self.0.get(name).map(|v| check(v).ok_or_else(refuse)).transpose()
    }

    pub fn required<T>(&self, name: &str, check: impl Fn(&'a Value) -> Option<T>) -> Result<T, Fail> {
        self.optional(name, check)?.ok_or_else(refuse)
    }

    pub fn string(&self, name: &str, check: fn(&str) -> bool) -> Result<String, Fail> {
        self.required(name, |v| v.as_str().filter(|s| check(s)).map(str::to_string))
    }

    pub fn int(&self, name: &str, from: u64) -> Result<u64, Fail> {
        self.required(name, |v| v.as_int().filter(|n| *n >= from))
    }

    pub fn absent(&self, names: &[&str]) -> Result<(), Fail> {
        let any = names.iter().any(|name| self.0.get(name).is_some());
        if any { Err(refuse()) } else { Ok(()) }
    }

    fn pad(&self, allowed: bool) -> Result<(), Fail> {
        if !allowed {
            return self.absent(&["pad"]);
        }
        self.optional("pad", Value::as_str).map(|_| ())
    }

    /// `dat`, or `bin` of codec `json`, or null where there is neither.
    fn data(&self) -> Result<Value, Fail> {
        let bin = self.optional("bin", |v| b64::decode(v.as_str()?.as_bytes()))?;
        match (self.0.get("dat"), bin) {
            (Some(_), Some(_)) => Err(refuse()),
            (Some(dat), None) => Ok(dat.clone()),
            (None, Some(bytes)) => Ok(Value::Bytes(bytes)),
            (None, None) => Ok(Value::Null),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Fail> {
    json::parse(bytes, &json::CLAIMS).map_err(|_| refuse())
}

pub fn application(bytes: &[u8], cbor: bool, level: Level) -> Result<Application, Fail> {
    let value = if cbor {
        cbor::claims(bytes).map_err(|_| refuse())?
    } else {
        parse(bytes)?
    };
    let members = Members(&value);
    members.absent(&["rcv"])?;
    members.pad(level.encrypted())?;
    if cbor {
        members.absent(&["bin"])?;
    }
    if !level.signed() {
        members.absent(&["iss", "aud", "bnd"])?;
    }
    let id = |v: &Value| v.as_str().filter(|id| is_id(id)).map(str::to_string);
    let when_signed = |name, check| {
        let text = level.signed().then(|| members.string(name, check));
        text.transpose()
    };
    let read = Application {
        seq: members.int("seq", 1)?,
        jti: members.optional("jti", id)?,
        iat: members.optional("iat", Value::as_int)?,
        exp: members.int("exp", 0)?,
        iss: when_signed("iss", is_identifier)?,
        aud: when_signed("aud", is_identifier)?,
        bnd: when_signed("bnd", is_id)?,
        items: items(&members)?,
    };
    let dated = level.signed() || read.jti.is_some();
    let undated = dated && read.iat.is_none();
    if undated || read.iat.is_some_and(|iat| read.exp < iat) {
        return Err(refuse());
    }
    Ok(read)
}

pub fn items(members: &Members) -> Result<Vec<Item>, Fail> {
    if let Some(batch) = members.0.get("bat") {
        members.absent(&["jti", "top", "ref", "req", "dat", "bin"])?;
        let batch = batch.as_arr().filter(|b| (1..=256).contains(&b.len()));
        return batch
            .ok_or_else(refuse)?
            .iter()
            .map(|i| item(i).ok_or_else(refuse))
            .collect();
    }
    let reference = members.optional("ref", |v| place(v).map(|_| v.clone()))?;
    let req = members.optional("req", |v| matches!(v, Value::Bool(true)).then_some(()))?;
    let exclusive = [members.0.get("jti").is_some(), reference.is_some(), req.is_some()];
    if exclusive.into_iter().filter(|is| *is).count() > 1 {
        return Err(refuse());
    }
    Ok(vec![Item {
        top: members.string("top", is_topic)?,
        reference,
        req: req.is_some(),
        data: members.data()?,
    }])
}

fn item(value: &Value) -> Option<Item> {
    let (top, reference, data, req) = match value.as_arr()? {
        [top, reference, data] => (top, reference, data, false),
        [top, Value::Null, data, Value::Bool(true)] => (top, &Value::Null, data, true),
        _ => return None,
    };
    let reference = match reference {
        Value::Null => None,
        other => place(other).map(|_| Some(other.clone()))?,
    };
    Some(Item {
        top: top.as_str().filter(|t| is_topic(t))?.to_string(),
        reference,
        req,
        data: data.clone(),
    })
}

pub fn control(bytes: &[u8]) -> Result<Control, Fail> {
    control::read(&parse(bytes)?)
}

pub fn standalone(bytes: &[u8], encrypted: bool) -> Result<Standalone, Fail> {
    let value = parse(bytes)?;
    let members = Members(&value);
    members.absent(&["bnd", "seq", "req", "bat", "rcv"])?;
    members.pad(encrypted)?;
    let read = Standalone {
        iss: members.string("iss", is_identifier)?,
        aud: members.string("aud", is_identifier)?,
        jti: members.string("jti", is_id)?,
        iat: members.int("iat", 0)?,
        exp: members.int("exp", 0)?,
        top: members.string("top", is_topic)?,
        reference: members.optional("ref", |v| v.as_str().filter(|r| is_id(r)).map(str::to_string))?,
        data: members.data()?,
    };
    if read.exp < read.iat {
        return Err(refuse());
    }
    Ok(read)
}
