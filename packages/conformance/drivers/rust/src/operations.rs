//! One function for each operation of test-vectors/README.md, section 3.

use crate::claims::{self, Level};
use crate::evidence;
use crate::fail::{self, Fail, fail, type_error};
use crate::frame::{Frame, MESSAGE_BYTES, Message};
use crate::jose;
use crate::keys::{Public, Use};
use crate::replay::{self, Store, Verdict, Window};
use crate::session;
use crate::standalone::{self, Opener};
use crate::value::{Value, hex, object, unhex};
use crate::write;

pub const NAMES: [&str; 18] = [
    "frame.decode",
    "frame.encode",
    "frame.expand",
    "jose.verify",
    "jose.decrypt",
    "key.check",
    "claims.read",
    "claims.write",
    "message.open",
    "message.seal",
    "message.accumulate",
    "evidence.verify",
    "standalone.open",
    "standalone.seal",
    "replay.window",
    "replay.key",
    "replay.store",
    "error.info",
];

pub type Answer = Result<Value, Fail>;

/// None for an operation beyond L1.
pub fn run(op: &str, input: &Value) -> Option<Answer> {
    Some(match op {
        "frame.decode" => decode(input),
        "frame.encode" => Frame::from_line(input).and_then(|f| message(f.to_message(is_binary(input)))),
        "frame.expand" => expand(input),
        "jose.verify" => open_jose(input, false),
        "jose.decrypt" => open_jose(input, true),
        "key.check" => check_key(input),
        "claims.read" => read(input),
        "claims.write" => written(input),
        "message.open" => session::open(input),
        "message.seal" => session::seal(input),
        "message.accumulate" => session::accumulate(input),
        "evidence.verify" => verify_evidence(input),
        "standalone.open" => open_standalone(input),
        "standalone.seal" => message(standalone::seal(input)),
        "replay.window" => window(input),
        "replay.key" => replay_key(input),
        "replay.store" => store(input),
        "error.info" => text(input, "code").and_then(fail::info),
        _ => return None,
    })
}

pub fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, Fail> {
    input.get(name).and_then(Value::as_str).ok_or_else(type_error)
}

pub fn int(input: &Value, name: &str) -> Result<u64, Fail> {
    input.get(name).and_then(Value::as_int).ok_or_else(type_error)
}

pub fn bytes(input: &Value, name: &str) -> Result<Vec<u8>, Fail> {
    unhex(text(input, name)?).ok_or_else(type_error)
}

pub fn value<'a>(input: &'a Value, name: &str) -> Result<&'a Value, Fail> {
    input.get(name).ok_or_else(type_error)
}

pub fn is_binary(input: &Value) -> bool {
    matches!(text(input, "wire"), Ok("binary"))
}

pub fn is_cbor(input: &Value) -> bool {
    matches!(text(input, "codec"), Ok("cbor"))
}

pub fn level(input: &Value) -> Result<Level, Fail> {
    match text(input, "level")? {
        "mac" => Ok(Level::Mac),
        "sig" => Ok(Level::Sig),
        "aead" => Ok(Level::Aead),
        "nest" => Ok(Level::Nest),
        _ => Err(type_error()),
    }
}

pub fn message(message: Result<Message, Fail>) -> Answer {
    Ok(object([("message", Some(message?.to_line()))]))
}

fn decode(input: &Value) -> Answer {
    let max = input.get("maxBytes").and_then(Value::as_int);
    let message = Message::from_line(value(input, "message")?)?;
    message.check(is_binary(input), max.map_or(MESSAGE_BYTES, |n| n as usize))?;
    Ok(message.decode()?.to_line())
}

fn expand(input: &Value) -> Answer {
    let frame = Message::from_line(value(input, "message")?)?.decode()?;
    let headers = value(input, "headers")?;
    let header = |h: u64| headers.get(&h.to_string())?.as_str().map(str::to_string);
    let expanded = frame.expand(header, &bytes(input, "staticIv")?)?;
    Ok(object([("text", Some(Value::str(expanded)))]))
}

fn open_jose(input: &Value, decrypts: bool) -> Answer {
    let token = text(input, "text")?;
    let open = if decrypts { jose::decrypt } else { jose::verify };
    let opened = jose::key_of(value(input, "key")?, decrypts).and_then(|key| open(&key, token));
    let opened = opened.ok_or_else(|| fail("E_CRYPTO", "crypto"))?;
    let header = token.split('.').next().and_then(|h| crate::b64::decode(h.as_bytes()));
    let header = header.and_then(|h| String::from_utf8(h).ok());
    let name = if decrypts { "plaintext" } else { "payload" };
    Ok(object([
        ("header", header.map(Value::str)),
        (name, Some(Value::str(hex(&opened)))),
    ]))
}

fn check_key(input: &Value) -> Answer {
    let purpose = if text(input, "use")? == "sign" {
        Use::Sign
    } else {
        Use::Agree
    };
    let key = Public::check(value(input, "jwk")?, purpose).ok_or_else(|| fail("E_KEY", "claims"))?;
    let thumbprint = (purpose == Use::Sign).then(|| Value::str(key.thumbprint()));
    Ok(object([("thumbprint", thumbprint)]))
}

fn read(input: &Value) -> Answer {
    let bytes = bytes(input, "bytes")?;
    match text(input, "kind")? {
        "application" => Ok(claims::application(&bytes, is_cbor(input), level(input)?)?.to_line()),
        "control" => Ok(claims::control(&bytes)?.to_line()),
        _ => {
            let encrypted = matches!(input.get("encrypted"), Some(Value::Bool(true)));
            let read = claims::standalone(&bytes, encrypted);
            let not_fatal = |f| Fail { fatal: false, ..f };
            Ok(read.map_err(not_fatal)?.to_line())
        }
    }
}

fn written(input: &Value) -> Answer {
    let bytes = match text(input, "kind")? {
        "application" => write::application(input, is_cbor(input), level(input)?)?,
        "control" => write::control(input),
        _ => write::standalone(input)?,
    };
    Ok(object([("bytes", Some(Value::str(hex(&bytes))))]))
}

fn open_standalone(input: &Value) -> Answer {
    let opener = Opener::configure(input).ok_or_else(type_error)?;
    let message = Message::from_line(value(input, "message")?)?;
    let opened = opener.open(&message, int(input, "now")?)?;
    let claims = &opened.claims;
    let seen = input.get("seen").and_then(Value::as_arr).unwrap_or(&[]);
    let is = |pair: &Value| {
        let pair = pair.as_arr().unwrap_or(&[]);
        pair.first().and_then(Value::as_str) == Some(&claims.iss)
            && pair.get(1).and_then(Value::as_str) == Some(&claims.jti)
    };
    if seen.iter().any(is) {
        return Err(Fail {
            fatal: false,
            ..fail("E_REPLAY", "deliver")
        });
    }
    let mut members = claims.to_line().members().to_vec();
    members.push(("encrypted".to_string(), Value::Bool(opened.encrypted)));
    Ok(Value::Obj(members))
}

fn verify_evidence(input: &Value) -> Answer {
    let not_fatal = |f| Fail { fatal: false, ..f };
    evidence::verify(input).map_err(not_fatal)
}

fn window(input: &Value) -> Answer {
    let mut window = Window::new(int(input, "size")?);
    let seqs = value(input, "seqs")?.as_arr().unwrap_or(&[]);
    let verdicts = seqs.iter().filter_map(Value::as_int).map(|seq| {
        let verdict = window.check(seq);
        if verdict == Verdict::Ok {
            window.commit(seq);
        }
        verdict.to_fail("sequence").map_or("ok", |f| f.code)
    });
    let verdicts = verdicts.map(Value::str).collect();
    Ok(object([("verdicts", Some(Value::Arr(verdicts)))]))
}

fn replay_key(input: &Value) -> Answer {
    let key = replay::key(text(input, "receiver")?, text(input, "iss")?, text(input, "jti")?);
    Ok(object([("key", Some(Value::str(key)))]))
}

fn store(input: &Value) -> Answer {
    let started_at = input.get("startedAt").and_then(Value::as_int);
    let mut store = Store::new(int(input, "capacity")?, int(input, "skew")?, started_at);
    let steps = value(input, "steps")?.as_arr().unwrap_or(&[]);
    let verdicts: Option<Vec<Value>> = steps.iter().map(|s| store.insert(s).map(Value::str)).collect();
    Ok(object([(
        "verdicts",
        Some(Value::Arr(verdicts.ok_or_else(type_error)?)),
    )]))
}
