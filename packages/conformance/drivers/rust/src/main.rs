//! A driver of the conformance runner: JSON lines on standard input and output (test-vectors/README.md, section 4).

mod b64;
mod cbor;
mod claims;
mod control;
mod evidence;
mod fail;
mod frame;
mod jose;
mod json;
mod keys;
mod lines;
mod message;
mod open;
mod operations;
mod replay;
mod session;
mod standalone;
mod value;
mod write;

use std::io::{BufRead, Write};
use value::{Value, object};

/// The first line. The versions are those that Cargo.toml pins.
fn hello() -> Value {
    let manifest = include_str!("../Cargo.toml");
    let version = |name: &str| {
        let line = manifest.lines().find(|line| line.split(' ').next() == Some(name));
        let version = line.and_then(|line| line.split("\"=").nth(1)?.split('"').next());
        Value::str(version.unwrap_or_default())
    };
    let libraries = [
        "jose-rs",
        "ciborium",
        "aes-gcm",
        "p256",
        "ed25519-dalek",
        "x25519-dalek",
    ];
    let libraries = libraries.map(|name| (name.to_string(), version(name)));
    object([
        ("driver", Some(Value::str("rust"))),
        ("language", Some(Value::str("Rust"))),
        ("libraries", Some(Value::Obj(libraries.to_vec()))),
        ("ops", Some(Value::Arr(operations::NAMES.map(Value::str).to_vec()))),
        ("level", Some(Value::str("L1"))),
    ])
}

fn answer(line: &str) -> Option<Value> {
    let line = json::parse(line.as_bytes(), &json::LINE).ok()?;
    let n = line.get("n").cloned();
    let result = match operations::run(line.get("op")?.as_str()?, line.get("input")?) {
        None => return Some(object([("n", n), ("unsupported", Some(Value::Bool(true)))])),
        Some(Ok(result)) => {
            let mut members = vec![("ok".to_string(), Value::Bool(true))];
            members.extend_from_slice(result.members());
            Value::Obj(members)
        }
        Some(Err(fail)) => object([
            ("ok", Some(Value::Bool(false))),
            ("error", Some(Value::str(fail.code))),
            ("step", Some(Value::str(fail.step))),
            ("fatal", Some(Value::Bool(fail.fatal))),
        ]),
    };
    Some(object([("n", n), ("result", Some(result))]))
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", hello().to_json())?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let answer = answer(&line?).ok_or(std::io::ErrorKind::InvalidData)?;
        writeln!(out, "{}", answer.to_json())?;
        out.flush()?;
    }
    Ok(())
}
