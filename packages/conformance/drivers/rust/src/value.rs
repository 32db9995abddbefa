//! The data model: what JSON and CBOR carry, and how the driver's own lines are read and written.

/// A number, and its value as an integer member of the specification where it is written as one.
#[derive(Clone, Copy, Debug)]
pub struct Num {
    pub value: f64,
    pub int: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Num(Num),
    Str(String),
    Bytes(Vec<u8>),
    Arr(Vec<Value>),
    Obj(Vec<(String, Value)>),
    /// Something that the data model does not have, such as a string with a lone surrogate.
    Outside,
}

pub const MAX_INT: u64 = (1 << 53) - 1;

impl Value {
    pub fn int(n: u64) -> Value {
        Value::Num(Num {
            value: n as f64,
            int: Some(n),
        })
    }

    pub fn str(text: impl Into<String>) -> Value {
        Value::Str(text.into())
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Obj(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    pub fn members(&self) -> &[(String, Value)] {
        match self {
            Value::Obj(members) => members,
            _ => &[],
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<u64> {
        match self {
            Value::Num(num) => num.int,
            _ => None,
        }
    }

    pub fn as_arr(&self) -> Option<&[Value]> {
        match self {
            Value::Arr(items) => Some(items),
            _ => None,
        }
    }

    /// Data as the lines of a driver write it: bytes are `{"$bytes": "hex"}`.
    pub fn to_data(&self) -> Value {
        match self {
            Value::Arr(items) => Value::Arr(items.iter().map(Value::to_data).collect()),
            Value::Obj(members) => {
                if let [(name, Value::Str(text))] = members.as_slice()
                    && name == "$bytes"
                {
                    return unhex(text).map_or(Value::Outside, Value::Bytes);
                }
                let convert = |(name, value): &(String, Value)| (name.clone(), value.to_data());
                Value::Obj(members.iter().map(convert).collect())
            }
            other => other.clone(),
        }
    }

    /// JSON without white space, strings and numbers as `JSON.stringify` writes them.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write(self, &mut out);
        out
    }
}

/// An object from its members; absent ones are left out.
pub fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members
        .into_iter()
        .filter_map(|(name, value)| value.map(|v| (name.to_string(), v)));
    Value::Obj(present.collect())
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Outside => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Num(num) => match num.int {
            Some(n) => out.push_str(&n.to_string()),
            None => out.push_str(&number(num.value)),
        },
        Value::Str(text) => write_string(text, out),
        Value::Bytes(bytes) => {
            out.push_str("{\"$bytes\":\"");
            out.push_str(&hex(bytes));
            out.push_str("\"}");
        }
        Value::Arr(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Obj(members) => {
            out.push('{');
            for (i, (name, item)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Number::toString of ECMA-262 for a finite number.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    // The shortest digits that read back as the same number, and the place of the point behind the first.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let count = digits.len() as i32;
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let body = if count <= point && point <= 21 {
        format!("{digits}{}", "0".repeat((point - count) as usize))
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let (first, rest) = digits.split_at(1);
        let fraction = if rest.is_empty() {
            String::new()
        } else {
            format!(".{rest}")
        };
        let mark = if point > 0 { '+' } else { '-' };
        format!("{first}{fraction}e{mark}{}", (point - 1).abs())
    };
    format!("{sign}{body}")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
