//! The two wires (envelope.md, section 3), and `expand` (section 11).

use crate::b64;
use crate::cbor::{self, Reader};
use crate::fail::{Fail, fail, type_error};
use crate::json::Bad;
use crate::value::{MAX_INT, Value, hex, object, unhex};

pub const MESSAGE_BYTES: usize = 1_048_576;

/// One WebSocket message.
pub enum Message {
    Text(String),
    Binary(Vec<u8>),
}

pub enum Frame {
    Json(Vec<u8>),
    /// Forms 1 and 2, the segments in the order of the compact form.
    Compact(Vec<Vec<u8>>),
    Sealed {
        h: u64,
        seq: u64,
        data: Vec<u8>,
    },
    Signed {
        h: u64,
        payload: Vec<u8>,
        signature: Vec<u8>,
    },
}

impl Message {
    pub fn from_line(value: &Value) -> Result<Message, Fail> {
        let text = value.get("text").and_then(Value::as_str);
        let binary = value.get("binary").and_then(Value::as_str).and_then(unhex);
        match (text, binary) {
            (Some(text), _) => Ok(Message::Text(text.to_string())),
            (_, Some(bytes)) => Ok(Message::Binary(bytes)),
            _ => Err(type_error()),
        }
    }

    pub fn to_line(&self) -> Value {
        match self {
            Message::Text(text) => object([("text", Some(Value::str(text)))]),
            Message::Binary(bytes) => object([("binary", Some(Value::str(hex(bytes))))]),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    /// Step `frame`: opcode and size.
    pub fn check(&self, binary: bool, max: usize) -> Result<(), Fail> {
        if matches!(self, Message::Binary(_)) != binary {
            return Err(fail("E_FRAME", "frame"));
        }
        self.check_size(max)
    }

    pub fn check_size(&self, max: usize) -> Result<(), Fail> {
        if self.bytes().len() > max {
            return Err(fail("E_TOO_BIG", "frame"));
        }
        Ok(())
    }

    /// Step `encoding`.
    pub fn decode(&self) -> Result<Frame, Fail> {
        match self {
            Message::Text(text) if text.starts_with('{') => Ok(Frame::Json(text.as_bytes().to_vec())),
            Message::Text(text) => segments(text.as_bytes(), "encoding").map(Frame::Compact),
            Message::Binary(bytes) => frame(bytes).map_err(|_| fail("E_CBOR", "encoding")),
        }
    }
}

/// The decoded segments of a compact JWS or JWE.
pub fn segments(text: &[u8], step: &'static str) -> Result<Vec<Vec<u8>>, Fail> {
    let parts: Vec<&[u8]> = text.split(|b| *b == b'.').collect();
    let key = parts.len() == 5 && !parts[1].is_empty();
    if !matches!(parts.len(), 3 | 5) || parts[0].is_empty() || key {
        return Err(fail("E_MALFORMED", step));
    }
    let decoded: Option<Vec<Vec<u8>>> = parts.into_iter().map(b64::decode).collect();
    decoded.ok_or_else(|| fail("E_B64", step))
}

/// The segments of a JWS that lies inside of another object, where there is no other form.
pub fn jws_segments(text: &[u8], step: &'static str) -> Result<Vec<Vec<u8>>, Fail> {
    if text.starts_with(b"{") || text.split(|b| *b == b'.').count() != 3 {
        return Err(fail("E_MALFORMED", step));
    }
    segments(text, step)
}

pub fn compact(segments: &[Vec<u8>]) -> String {
    let encoded: Vec<String> = segments.iter().map(|s| b64::encode(s)).collect();
    encoded.join(".")
}

fn frame(bytes: &[u8]) -> Result<Frame, Bad> {
    let mut reader = Reader::new(bytes);
    let count = reader.expect(4)?;
    let form = reader.expect(0)?;
    let index = |reader: &mut Reader| {
        reader
            .expect(0)
            .and_then(|n| if n <= MAX_INT { Ok(n) } else { Err(Bad) })
    };
    let data = |reader: &mut Reader| {
        let length = reader.expect(2)?;
        reader.take(length).map(<[u8]>::to_vec)
    };
    let frame = match (form, count) {
        (0, 2) => Frame::Json(data(&mut reader)?),
        (1, 4) | (2, 6) => {
            let parts: Vec<Vec<u8>> = (1..count).map(|_| data(&mut reader)).collect::<Result<_, _>>()?;
            if form == 2 && !parts[1].is_empty() {
                return Err(Bad);
            }
            Frame::Compact(parts)
        }
        (3, 4) => Frame::Sealed {
            h: index(&mut reader)?,
            seq: index(&mut reader)?,
            data: data(&mut reader)?,
        },
        (4, 4) => Frame::Signed {
            h: index(&mut reader)?,
            payload: data(&mut reader)?,
            signature: data(&mut reader)?,
        },
        _ => return Err(Bad),
    };
    if reader.is_done() { Ok(frame) } else { Err(Bad) }
}

const JWS: [&str; 3] = ["protected", "payload", "signature"];
const JWE: [&str; 5] = ["protected", "key", "iv", "ciphertext", "tag"];

impl Frame {
    pub fn to_line(&self) -> Value {
        let bytes = |b: &[u8]| Some(Value::str(hex(b)));
        let form = |n| Some(Value::int(n));
        match self {
            Frame::Json(json) => object([("form", form(0)), ("json", bytes(json))]),
            Frame::Compact(parts) => {
                let (n, names) = if parts.len() == 3 { (1, &JWS[..]) } else { (2, &JWE[..]) };
                let mut members = vec![("form".to_string(), Value::int(n))];
                members.extend(
                    names
                        .iter()
                        .zip(parts)
                        .map(|(n, p)| (n.to_string(), Value::str(hex(p)))),
                );
                Value::Obj(members)
            }
            Frame::Sealed { h, seq, data } => object([
                ("form", form(3)),
                ("h", form(*h)),
                ("seq", form(*seq)),
                ("data", bytes(data)),
            ]),
            Frame::Signed { h, payload, signature } => object([
                ("form", form(4)),
                ("h", form(*h)),
                ("payload", bytes(payload)),
                ("signature", bytes(signature)),
            ]),
        }
    }

    pub fn from_line(input: &Value) -> Result<Frame, Fail> {
        let bytes = |name: &str| {
            let text = input.get(name).and_then(Value::as_str);
            text.and_then(unhex).ok_or_else(type_error)
        };
        let int = |name: &str| input.get(name).and_then(Value::as_int).ok_or_else(type_error);
        let all = |names: &[&str]| names.iter().map(|n| bytes(n)).collect::<Result<Vec<_>, _>>();
        Ok(match int("form")? {
            0 => Frame::Json(bytes("json")?),
            1 => Frame::Compact(all(&JWS)?),
            2 => Frame::Compact(all(&JWE)?),
            3 => Frame::Sealed {
                h: int("h")?,
                seq: int("seq")?,
                data: bytes("data")?,
            },
            4 => Frame::Signed {
                h: int("h")?,
                payload: bytes("payload")?,
                signature: bytes("signature")?,
            },
            _ => return Err(type_error()),
        })
    }

    pub fn to_message(&self, binary: bool) -> Result<Message, Fail> {
        if binary {
            return Ok(Message::Binary(self.to_cbor()));
        }
        Ok(Message::Text(match self {
            Frame::Json(json) => String::from_utf8(json.clone()).map_err(|_| type_error())?,
            Frame::Compact(parts) => compact(parts),
            _ => return Err(type_error()),
        }))
    }

    fn to_cbor(&self) -> Vec<u8> {
        let (form, indexes, parts): (u64, Vec<u64>, Vec<&[u8]>) = match self {
            Frame::Json(json) => (0, vec![], vec![json]),
            Frame::Compact(parts) => {
                let form = if parts.len() == 3 { 1 } else { 2 };
                (form, vec![], parts.iter().map(Vec::as_slice).collect())
            }
            Frame::Sealed { h, seq, data } => (3, vec![*h, *seq], vec![data]),
            Frame::Signed { h, payload, signature } => (4, vec![*h], vec![payload, signature]),
        };
        let mut out = Vec::new();
        cbor::put_head(4, (1 + indexes.len() + parts.len()) as u64, &mut out);
        cbor::put_head(0, form, &mut out);
        indexes.iter().for_each(|n| cbor::put_head(0, *n, &mut out));
        parts.iter().for_each(|part| cbor::put_bytes(part, &mut out));
        out
    }

    /// The compact text that a stock library takes. A header that is not known and too little data are mistakes of the caller.
    pub fn expand(&self, header: impl Fn(u64) -> Option<String>, static_iv: &[u8]) -> Result<String, Fail> {
        let header = |h: &u64| header(*h).map(String::into_bytes).ok_or_else(type_error);
        Ok(match self {
            Frame::Json(json) => String::from_utf8(json.clone()).map_err(|_| type_error())?,
            Frame::Compact(parts) => compact(parts),
            Frame::Sealed { h, seq, data } => {
                let header = header(h)?;
                let split = data.len().checked_sub(16).ok_or_else(type_error)?;
                let (ciphertext, tag) = data.split_at(split);
                let iv = nonce(static_iv, *seq).ok_or_else(type_error)?;
                compact(&[header, vec![], iv, ciphertext.to_vec(), tag.to_vec()])
            }
            Frame::Signed { h, payload, signature } => compact(&[header(h)?, payload.clone(), signature.clone()]),
        })
    }
}

/// static_iv XOR (four zero bytes || seq), envelope.md, section 8.1.
pub fn nonce(static_iv: &[u8], seq: u64) -> Option<Vec<u8>> {
    let mut iv = static_iv.to_vec();
    let tail = iv.get_mut(4..12).filter(|_| static_iv.len() == 12)?;
    tail.iter_mut().zip(seq.to_be_bytes()).for_each(|(a, b)| *a ^= b);
    Some(iv)
}

/// The number in an IV, if it is the nonce of one.
pub fn seq_of(static_iv: &[u8], iv: &[u8]) -> Option<u64> {
    if iv.len() != 12 || static_iv.len() != 12 || iv[..4] != static_iv[..4] {
        return None;
    }
    let seq = iv[4..]
        .iter()
        .zip(&static_iv[4..])
        .fold(0, |acc, (a, b)| acc << 8 | u64::from(a ^ b));
    Some(seq).filter(|n| *n <= MAX_INT)
}
