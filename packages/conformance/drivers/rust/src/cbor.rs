//! CBOR: a strict pass over the bytes (envelope.md, sections 3.2 and 6), after which ciborium decodes them.

use crate::json::Bad;
use crate::value::{MAX_INT, Num, Value};
use std::collections::HashSet;

const MAX_DEPTH: usize = 32;
const MAX_MEMBERS: u64 = 256;
const MAX_NODES: usize = 100_000;

/// The major type, the argument, and whether the head is in its shortest form.
pub struct Head {
    pub major: u8,
    pub info: u8,
    pub arg: u64,
    pub shortest: bool,
}

pub struct Reader<'a> {
    bytes: &'a [u8],
    nodes: usize,
}

/// Members of the specification, or data of the application, where map heads may be longer than needed.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Own,
    Data,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, nodes: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn take(&mut self, count: u64) -> Result<&'a [u8], Bad> {
        let count = usize::try_from(count).map_err(|_| Bad)?;
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Bad)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub fn head(&mut self) -> Result<Head, Bad> {
        let first = self.take(1)?[0];
        let info = first & 0x1f;
        let (arg, least) = match info {
            0..=23 => (u64::from(info), 0),
            24..=27 => {
                let raw = self.take(1 << (info - 24))?;
                let arg = raw.iter().fold(0, |acc, b| acc << 8 | u64::from(*b));
                (arg, [24, 1 << 8, 1 << 16, 1 << 32][usize::from(info - 24)])
            }
            // Reserved values, and the indefinite lengths.
            _ => return Err(Bad),
        };
        Ok(Head {
            major: first >> 5,
            info,
            arg,
            shortest: arg >= least,
        })
    }

    /// A head of this major type in its shortest form.
    pub fn expect(&mut self, major: u8) -> Result<u64, Bad> {
        let head = self.head()?;
        if head.major == major && head.shortest {
            Ok(head.arg)
        } else {
            Err(Bad)
        }
    }

    fn text(&mut self) -> Result<&'a str, Bad> {
        let length = self.expect(3)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Bad)
    }

    /// One map: `each` reads the value of a name.
    fn map(
        &mut self,
        head: &Head,
        depth: usize,
        mut each: impl FnMut(&mut Self, &str) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        if depth > MAX_DEPTH || head.arg > MAX_MEMBERS {
            return Err(Bad);
        }
        let mut names = HashSet::new();
        for _ in 0..head.arg {
            let name = self.text()?;
            if name == "__proto__" || !names.insert(name) {
                return Err(Bad);
            }
            each(self, name)?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Bad> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(Bad) } else { Ok(()) }
    }

    /// One value. `whole` where it is the whole of some data, so that it may be a byte string.
    fn value(&mut self, depth: usize, part: Part, whole: bool) -> Result<(), Bad> {
        self.count()?;
        let head = self.head()?;
        let relaxed = part == Part::Data && head.major == 5;
        if head.major != 7 && !head.shortest && !relaxed {
            return Err(Bad);
        }
        match head.major {
            0 if head.arg <= MAX_INT => Ok(()),
            1 if head.arg < MAX_INT => Ok(()),
            2 if whole => self.take(head.arg).map(|_| ()),
            3 => {
                let bytes = self.take(head.arg)?;
                std::str::from_utf8(bytes).map(|_| ()).map_err(|_| Bad)
            }
            4 if depth <= MAX_DEPTH => {
                for _ in 0..head.arg {
                    self.value(depth + 1, part, false)?;
                }
                Ok(())
            }
            5 => self.map(&head, depth, |reader, _| reader.value(depth + 1, part, false)),
            7 => match head.info {
                20..=22 => Ok(()),
                27 if f64::from_bits(head.arg).is_finite() => Ok(()),
                _ => Err(Bad),
            },
            _ => Err(Bad),
        }
    }

    /// The items of a batch: `[topic, ref, data]` with a fourth element for a request.
    fn batch(&mut self) -> Result<(), Bad> {
        self.count()?;
        for _ in 0..self.expect(4)? {
            self.count()?;
            for i in 0..self.expect(4)? {
                let part = if i == 2 { Part::Data } else { Part::Own };
                self.value(4, part, i == 2)?;
            }
        }
        Ok(())
    }
}

const OWN: [&str; 13] = [
    "iss", "aud", "bnd", "seq", "iat", "exp", "top", "ref", "req", "bin", "bat", "rcv", "pad",
];

/// Claims in codec `cbor`: exactly one map by the rules of envelope.md, section 6.
pub fn claims(bytes: &[u8]) -> Result<Value, Bad> {
    let mut reader = Reader::new(bytes);
    reader.count()?;
    let head = reader.head()?;
    if head.major != 5 || !head.shortest {
        return Err(Bad);
    }
    reader.map(&head, 1, |reader, name| match name {
        "constructor" | "prototype" => Err(Bad),
        "bat" => reader.batch(),
        name if OWN.contains(&name) => reader.value(2, Part::Own, false),
        _ => reader.value(2, Part::Data, true),
    })?;
    if !reader.is_done() {
        return Err(Bad);
    }
    convert(ciborium::from_reader(bytes).map_err(|_| Bad)?)
}

fn convert(value: ciborium::Value) -> Result<Value, Bad> {
    use ciborium::Value as Cbor;
    Ok(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => Value::Bool(flag),
        Cbor::Text(text) => Value::Str(text),
        Cbor::Bytes(bytes) => Value::Bytes(bytes),
        Cbor::Float(value) => Value::Num(Num { value, int: None }),
        Cbor::Integer(n) => {
            let n = i128::from(n);
            Value::Num(Num {
                value: n as f64,
                int: u64::try_from(n).ok(),
            })
        }
        Cbor::Array(items) => Value::Arr(items.into_iter().map(convert).collect::<Result<_, _>>()?),
        Cbor::Map(pairs) => {
            let convert = |(name, value)| match name {
                Cbor::Text(name) => Ok((name, convert(value)?)),
                _ => Err(Bad),
            };
            Value::Obj(pairs.into_iter().map(convert).collect::<Result<_, _>>()?)
        }
        _ => return Err(Bad),
    })
}

/// A head in its shortest form.
pub fn put_head(major: u8, arg: u64, out: &mut Vec<u8>) {
    let raw = arg.to_be_bytes();
    let (info, length) = match arg {
        0..24 => (arg as u8, 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(&raw[8 - length..]);
}

pub fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_head(2, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_head(3, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// Claims of a sealer; what the data model does not have was refused before.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Outside => out.push(0xf6),
        Value::Bool(flag) => out.push(0xf4 + u8::from(*flag)),
        Value::Str(text) => put_text(text, out),
        Value::Bytes(bytes) => put_bytes(bytes, out),
        Value::Num(num) if num.value.fract() == 0.0 && num.value.abs() <= MAX_INT as f64 => {
            let magnitude = num.value.abs() as u64;
            if num.value < 0.0 {
                put_head(1, magnitude - 1, out);
            } else {
                put_head(0, magnitude, out);
            }
        }
        Value::Num(num) => {
            out.push(0xfb);
            out.extend_from_slice(&num.value.to_be_bytes());
        }
        Value::Arr(items) => {
            put_head(4, items.len() as u64, out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Obj(members) => {
            put_head(5, members.len() as u64, out);
            for (name, item) in members {
                put_text(name, out);
                encode(item, out);
            }
        }
    }
}
