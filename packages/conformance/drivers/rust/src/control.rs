//! Reading the claims of control messages: syntax only (session.md, section 11; lifecycle.md, section 2).

use crate::claims::{Members, place};
use crate::fail::{Fail, claims as refuse, is_coarse_name};
use crate::value::Value;

pub struct Control {
    pub seq: u64,
    pub top: String,
    /// None in `void` alone.
    pub rcv: Option<u64>,
    /// The other members of the row, as read.
    pub row: Vec<(&'static str, Value)>,
}

/// Members in the order in which they are written.
pub const ORDER: [&str; 10] = ["seq", "top", "n", "epk", "at", "code", "ref", "exp", "scp", "rcv"];

const ERR_CODES: [&str; 9] = [
    "E_EXPIRED",
    "E_FUTURE",
    "E_TTL",
    "E_DENIED",
    "E_RATE",
    "E_REPLAY_STORE",
    "E_NO_HANDLER",
    "E_HANDLER",
    "E_INVALID",
];

impl Control {
    /// The message that this one answers.
    pub fn reference(&self) -> Option<&Value> {
        self.row.iter().find(|(name, _)| *name == "ref").map(|(_, value)| value)
    }
}

/// What a row has beside `seq`, `top` and `rcv`.
fn row_of(top: &str) -> Option<&'static [&'static str]> {
    Some(match top {
        "ping" | "ack" | "auth-soon" | "void" => &[],
        "pong" | "auth-no" => &["ref"],
        "err" => &["code", "ref"],
        "bye" => &["code"],
        "rekey" => &["n", "epk"],
        "rekeyed" => &["n", "epk", "ref"],
        "auth" => &["at"],
        "auth-ok" => &["ref", "exp", "scp"],
        "resumed" => &["exp", "scp"],
        _ => return None,
    })
}

fn admits(top: &str, name: &str, value: &Value) -> bool {
    match (name, value) {
        ("code", Value::Str(code)) if top == "err" => ERR_CODES.contains(&code.as_str()),
        ("code", Value::Str(name)) => is_coarse_name(name),
        ("ref", _) if top == "err" => place(value).is_some(),
        ("n" | "ref", _) => value.as_int().is_some_and(|n| n >= 1),
        ("epk", Value::Obj(_)) | ("at", Value::Str(_)) => true,
        ("exp", _) => value.as_int().is_some(),
        ("scp", Value::Arr(scopes)) => scopes.iter().all(|s| s.as_str().is_some()),
        _ => false,
    }
}

/// Who sent it is not known: a `resumed` without `exp` and `scp` is the client's, one with either the server's.
pub fn read(value: &Value) -> Result<Control, Fail> {
    let members = Members(value);
    let top = members.string("top", |_| true)?;
    let names = row_of(&top).ok_or_else(refuse)?;
    let rcv = if top == "void" {
        members.absent(&ORDER[2..])?;
        None
    } else {
        Some(members.int("rcv", 0)?)
    };
    let none_stands = names.iter().all(|name| value.get(name).is_none());
    let mut row = Vec::new();
    if !(none_stands && matches!(top.as_str(), "bye" | "resumed")) {
        for name in names {
            let check = |v: &Value| admits(&top, name, v).then(|| v.clone());
            row.push((*name, members.required(name, check)?));
        }
    }
    Ok(Control {
        seq: members.int("seq", u64::from(top != "resumed"))?,
        top,
        rcv,
        row,
    })
}
