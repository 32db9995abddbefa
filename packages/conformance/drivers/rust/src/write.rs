//! Writing claims: the data model, and members in the order of the tables.

use crate::b64;
use crate::cbor;
use crate::claims::{Level, Members, is_id, is_identifier, is_topic, items, place};
use crate::control;
use crate::fail::{Fail, type_error};
use crate::json::CLAIMS;
use crate::value::{MAX_INT, Value, object};

const APPLICATION: [&str; 14] = [
    "iss", "aud", "bnd", "seq", "jti", "iat", "exp", "top", "ref", "req", "dat", "bin", "bat", "pad",
];
const STANDALONE: [&str; 10] = ["iss", "aud", "jti", "iat", "exp", "top", "ref", "dat", "bin", "pad"];

/// Is the value inside of the data model and of the limits? `depth` is that of an object or array here.
fn admits(value: &Value, cbor: bool, depth: usize, nodes: &mut usize) -> bool {
    *nodes += 1;
    let shape = match value {
        Value::Null | Value::Bool(_) | Value::Str(_) => true,
        Value::Bytes(_) | Value::Outside => false,
        // Codec `cbor` has integers only up to 2^53−1, and writes no integral number in another way.
        Value::Num(num) => !cbor || num.value.fract() != 0.0 || num.value.abs() <= MAX_INT as f64,
        Value::Arr(items) => depth <= CLAIMS.depth && items.iter().all(|i| admits(i, cbor, depth + 1, nodes)),
        Value::Obj(members) => {
            depth <= CLAIMS.depth
                && members.len() <= CLAIMS.members
                && members
                    .iter()
                    .all(|(name, item)| name != "__proto__" && admits(item, cbor, depth + 1, nodes))
        }
    };
    shape && *nodes <= CLAIMS.nodes
}

/// The claims of `input` by their names, `data` as `dat` or `bin`, in the order of `names`.
fn ordered(input: &Value, names: &[&str], data: Option<Value>, cbor: bool) -> Value {
    let data = data.map(|data| match data {
        Value::Bytes(bytes) if !cbor => ("bin", Value::str(b64::encode(&bytes))),
        other => ("dat", other),
    });
    let members = names.iter().filter_map(|name| {
        let value = match &data {
            Some((place, value)) if place == name => Some(value),
            _ => input.get(name),
        };
        value.map(|v| (name.to_string(), v.clone()))
    });
    Value::Obj(members.collect())
}

fn valid(input: &Value, name: &str, check: impl Fn(&Value) -> bool) -> Result<(), Fail> {
    match input.get(name) {
        Some(value) if !check(value) => Err(type_error()),
        _ => Ok(()),
    }
}

fn text(check: fn(&str) -> bool) -> impl Fn(&Value) -> bool {
    move |value| value.as_str().is_some_and(check)
}

/// What is common to application messages and envelopes.
fn check(input: &Value, data: &Option<Value>, cbor: bool) -> Result<(), Fail> {
    valid(input, "top", text(is_topic))?;
    valid(input, "iss", text(is_identifier))?;
    valid(input, "aud", text(is_identifier))?;
    let int = |name| input.get(name).and_then(Value::as_int);
    if int("iat") > int("exp") {
        return Err(type_error());
    }
    // The claims themselves are depth 1 and one value; each member is one more.
    let mut nodes = input.members().len();
    match data {
        None | Some(Value::Bytes(_)) => Ok(()),
        Some(data) if admits(data, cbor, 2, &mut nodes) => Ok(()),
        Some(_) => Err(type_error()),
    }
}

/// The claims of `input` with the data of its items as they are written.
fn with_batch(input: &Value, cbor: bool) -> Result<Value, Fail> {
    let mut members = input.members().to_vec();
    let mut nodes = members.len();
    for (_, bat) in members.iter_mut().filter(|(name, _)| name == "bat") {
        *bat = bat.to_data();
        items(&Members(&object([("bat", Some(bat.clone()))]))).map_err(|_| type_error())?;
        for item in bat.as_arr().unwrap_or(&[]) {
            let written = match item.as_arr().and_then(|item| item.get(2)) {
                Some(Value::Bytes(_)) => cbor,
                Some(data) => admits(data, cbor, 4, &mut nodes),
                None => false,
            };
            if !written {
                return Err(type_error());
            }
        }
    }
    Ok(Value::Obj(members))
}

pub fn application(input: &Value, cbor: bool, level: Level) -> Result<Vec<u8>, Fail> {
    let input = &with_batch(input, cbor)?;
    let data = match (input.get("bat"), input.get("data")) {
        (Some(_), _) => None,
        (None, data) => Some(data.map_or(Value::Null, Value::to_data)),
    };
    check(input, &data, cbor)?;
    valid(input, "jti", text(is_id))?;
    valid(input, "ref", |v| place(v).is_some())?;
    valid(input, "req", |v| matches!(v, Value::Bool(true)))?;
    let count = |names: &[&str]| names.iter().filter(|name| input.get(name).is_some()).count();
    let loose = count(&["jti"]) > count(&["iat"]);
    if loose || count(&["jti", "ref", "req"]) > 1 || count(&["jti", "bat"]) > 1 {
        return Err(type_error());
    }
    let own = APPLICATION.into_iter().filter(|name| match *name {
        "iss" | "aud" | "bnd" => level.signed(),
        "pad" => level.encrypted(),
        _ => true,
    });
    let claims = ordered(input, &own.collect::<Vec<_>>(), data, cbor);
    if !cbor {
        return Ok(claims.to_json().into_bytes());
    }
    let mut out = Vec::new();
    cbor::encode(&claims, &mut out);
    Ok(out)
}

pub fn control(input: &Value) -> Vec<u8> {
    ordered(input, &control::ORDER, None, false).to_json().into_bytes()
}

pub fn standalone(input: &Value) -> Result<Vec<u8>, Fail> {
    let data = Some(input.get("data").map_or(Value::Null, Value::to_data));
    check(input, &data, false)?;
    valid(input, "jti", text(is_id))?;
    valid(input, "ref", text(is_id))?;
    Ok(ordered(input, &STANDALONE, data, false).to_json().into_bytes())
}

/// The protected headers of envelope.md, section 4, in the order of their members.
pub fn header<const N: usize>(members: [(&str, &str); N]) -> String {
    object(members.map(|(name, value)| (name, Some(Value::str(value))))).to_json()
}
