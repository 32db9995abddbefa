//! Refusals, and what the registry says about a code.

use crate::json;
use crate::value::{Value, object};
use std::sync::LazyLock;

/// A refused input: exactly one code in exactly one step.
#[derive(Debug)]
pub struct Fail {
    pub code: &'static str,
    pub step: &'static str,
    pub fatal: bool,
}

static ERRORS: LazyLock<Value> = LazyLock::new(|| registry(include_str!("../../../../../specs/registry/errors.json")));
static CLOSES: LazyLock<Value> =
    LazyLock::new(|| registry(include_str!("../../../../../specs/registry/close-codes.json")));

fn registry(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::LINE).expect("the registry is JSON")
}

fn entries(document: &'static Value, name: &str) -> &'static [Value] {
    document.get(name).and_then(Value::as_arr).unwrap_or(&[])
}

fn entry(code: &str) -> Option<&'static Value> {
    entries(&ERRORS, "errors")
        .iter()
        .find(|e| e.get("code").and_then(Value::as_str) == Some(code))
}

/// A refusal with the `fatal` of the registry.
pub fn fail(code: &'static str, step: &'static str) -> Fail {
    let fatal = matches!(entry(code).and_then(|e| e.get("fatal")), Some(Value::Bool(true)));
    Fail { code, step, fatal }
}

pub fn claims() -> Fail {
    fail("E_CLAIMS", "claims")
}

pub fn type_error() -> Fail {
    Fail {
        code: "TypeError",
        step: "local",
        fatal: false,
    }
}

/// Is this one of the coarse names of session.md, section 14?
pub fn is_coarse_name(name: &str) -> bool {
    entries(&CLOSES, "closeCodes")
        .iter()
        .any(|c| c.get("name").and_then(Value::as_str) == Some(name))
}

pub fn info(code: &str) -> Result<Value, Fail> {
    let error = entry(code).ok_or_else(type_error)?;
    let close = error.get("close").cloned().unwrap_or(Value::Null);
    let name = entries(&CLOSES, "closeCodes")
        .iter()
        .find(|c| close.as_int().is_some() && c.get("code").and_then(Value::as_int) == close.as_int())
        .and_then(|c| c.get("name").cloned());
    Ok(object([
        ("steps", error.get("steps").cloned()),
        ("fatal", error.get("fatal").cloned()),
        ("close", Some(close)),
        ("name", Some(name.unwrap_or(Value::Null))),
    ]))
}
