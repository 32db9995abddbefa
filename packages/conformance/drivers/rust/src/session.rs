//! The operations about messages of a session.

use crate::b64;
use crate::fail::{Fail, type_error};
use crate::frame::Message;
use crate::keys::{Private, Public, Use};
use crate::message::Direction;
use crate::open::{Opened, State};
use crate::operations::{Answer, bytes, int, is_binary, is_cbor, level, message, text, value};
use crate::replay::{Order, Window};
use crate::value::{Value, hex, object};
use sha2::{Digest, Sha256};

/// `self` is the sealer in `message.seal` and the opener in `message.open`.
fn direction(input: &Value, seals: bool) -> Result<Direction, Fail> {
    let keys = value(input, "keys")?;
    let name = |name| text(input, name).unwrap_or_default().to_string();
    let (own, peer) = (name("self"), name("peer"));
    let (sealer, opener) = if seals { (own, peer) } else { (peer, own) };
    Ok(Direction {
        binary: is_binary(input),
        cbor: is_cbor(input),
        level: level(input)?,
        key: bytes(keys, "key")?,
        iv: bytes(keys, "iv")?,
        mac: bytes(keys, "mac")?,
        kid: b64::encode(&bytes(keys, "kid")?),
        sealer,
        opener,
    })
}

fn peer(input: &Value) -> Result<Option<Public>, Fail> {
    let check = |jwk| Public::check(jwk, Use::Sign).ok_or_else(type_error);
    input.get("peerKey").map(check).transpose()
}

fn signer(input: &Value) -> Result<Option<Private>, Fail> {
    let check = |jwk| Private::configured(jwk, Use::Sign).ok_or_else(type_error);
    input.get("signer").map(check).transpose()
}

pub fn open(input: &Value) -> Answer {
    let is_window = matches!(text(input, "order"), Ok("window"));
    let order = if is_window {
        let mut window = Window::new(int(input, "window")?);
        let committed = value(input, "committed")?.as_arr().unwrap_or(&[]);
        committed
            .iter()
            .filter_map(Value::as_int)
            .for_each(|seq| window.commit(seq));
        Order::Window(window)
    } else {
        Order::Strict {
            last: int(input, "last")?,
        }
    };
    let state = State {
        order,
        sent: int(input, "sent")?,
        rcv: int(input, "rcv")?,
        now: int(input, "now")?,
        peer: peer(input)?,
    };
    let message = Message::from_line(value(input, "message")?)?;
    match direction(input, false)?.open(&state, &message) {
        Ok(Opened::Message(claims, jws)) => Ok(with("message", claims.to_line(), jws)),
        Ok(Opened::Control(claims)) => Ok(with("control", claims.to_line(), None)),
        // `window:drop`, for the first failure of its connection.
        Err(f) if is_window => {
            let drops = matches!(f.step, "header" | "sequence" | "crypto");
            let drops = drops || f.step == "claims" && matches!(f.code, "E_REPLAY" | "E_BINDING");
            let fatal = f.fatal && !drops;
            Err(Fail { fatal, ..f })
        }
        Err(f) => Err(f),
    }
}

fn with(kind: &str, claims: Value, jws: Option<String>) -> Value {
    let mut members = vec![("kind".to_string(), Value::str(kind))];
    members.extend_from_slice(claims.members());
    members.extend(jws.map(|jws| ("jws".to_string(), Value::str(jws))));
    Value::Obj(members)
}

pub fn seal(input: &Value) -> Answer {
    let (direction, seq) = (direction(input, true)?, int(input, "seq")?);
    if let Some(control) = input.get("control") {
        let mut members = control.members().to_vec();
        members.push(("seq".to_string(), Value::int(seq)));
        return message(direction.seal_control(seq, &Value::Obj(members)));
    }
    message(direction.seal(seq, input, signer(input)?.as_ref()))
}

pub fn accumulate(input: &Value) -> Answer {
    let (direction, clock) = (direction(input, true)?, int(input, "clock")?);
    let (signer, seed) = (signer(input)?, text(input, "seed")?);
    let mut state = State {
        order: Order::Strict { last: 0 },
        sent: 0,
        rcv: 0,
        now: clock,
        peer: peer(input)?,
    };
    let mut digest = Sha256::new();
    for i in 1..=int(input, "count")? {
        let x = hex(&Sha256::digest(format!("{seed}{i}")));
        let data = object([("i", Some(Value::int(i))), ("x", Some(Value::str(x)))]);
        let claims = object([
            ("seq", Some(Value::int(i))),
            ("iat", direction.level.signed().then(|| Value::int(clock))),
            ("exp", Some(Value::int(clock + 60))),
            ("top", Some(Value::str("acc"))),
            ("data", Some(data)),
        ]);
        let message = direction.seal(i, &claims, signer.as_ref())?;
        direction.open(&state, &message)?;
        state.order = Order::Strict { last: i };
        digest.update(message.bytes());
    }
    Ok(object([("digest", Some(Value::str(hex(&digest.finalize()))))]))
}
