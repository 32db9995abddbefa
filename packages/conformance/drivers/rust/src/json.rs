//! Strict JSON (conventions.md, section 4).

use crate::value::{MAX_INT, Num, Value};

/// The text breaks one of the rules.
#[derive(Debug)]
pub struct Bad;

/// The limits of one object, and whether it is of the protocol or a line of the runner.
pub struct Rules {
    pub depth: usize,
    pub members: usize,
    pub nodes: usize,
    pub strict: bool,
}

pub const CLAIMS: Rules = Rules {
    depth: 32,
    members: 256,
    nodes: 100_000,
    strict: true,
};

/// What the runner writes: any depth that its stack takes, and strings that are outside of the data model.
pub const LINE: Rules = Rules {
    depth: 2_000,
    members: usize::MAX,
    nodes: usize::MAX,
    strict: false,
};

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    nodes: usize,
    rules: &'a Rules,
}

/// Reads exactly one value; at the top of protocol objects it has to be an object.
pub fn parse(text: &[u8], rules: &Rules) -> Result<Value, Bad> {
    std::str::from_utf8(text).map_err(|_| Bad)?;
    let mut parser = Parser {
        text,
        at: 0,
        nodes: 0,
        rules,
    };
    let value = parser.value(1)?;
    parser.space();
    match value {
        Value::Obj(_) if parser.at == text.len() => Ok(value),
        _ => Err(Bad),
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Bad> {
        if self.eat(byte) { Ok(()) } else { Err(Bad) }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Bad> {
        if self.text[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(Bad)
        }
    }

    /// `depth` is that of an object or array which begins here.
    fn value(&mut self, depth: usize) -> Result<Value, Bad> {
        self.space();
        self.nodes += 1;
        if self.nodes > self.rules.nodes {
            return Err(Bad);
        }
        match self.peek().ok_or(Bad)? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => Ok(self.string()?.map_or(Value::Outside, Value::Str)),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Bad> {
        if depth > self.rules.depth {
            return Err(Bad);
        }
        self.expect(b'{')?;
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        let mut outside = false;
        self.space();
        if self.eat(b'}') {
            return Ok(Value::Obj(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            outside |= name.is_none();
            let name = name.unwrap_or_default();
            if self.rules.strict {
                let forbidden = match name.as_str() {
                    "__proto__" => true,
                    "constructor" | "prototype" => depth == 1,
                    _ => false,
                };
                if forbidden || !names.insert(name.clone()) || names.len() > self.rules.members {
                    return Err(Bad);
                }
            }
            self.space();
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            members.push((name, value));
            self.space();
            if self.eat(b'}') {
                return Ok(if outside { Value::Outside } else { Value::Obj(members) });
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Bad> {
        if depth > self.rules.depth {
            return Err(Bad);
        }
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Value::Arr(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.eat(b']') {
                return Ok(Value::Arr(items));
            }
            self.expect(b',')?;
        }
    }

    /// None for a string with a lone surrogate, which only a line of the runner may hold.
    fn string(&mut self) -> Result<Option<String>, Bad> {
        self.expect(b'"')?;
        let mut out: Vec<u8> = Vec::new();
        let mut lone = false;
        loop {
            let byte = self.peek().ok_or(Bad)?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let c = self.escape()?;
                    lone |= c.is_none();
                    let c = c.unwrap_or('\u{fffd}');
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return Err(Bad),
                other => out.push(other),
            }
        }
        if lone {
            return if self.rules.strict { Err(Bad) } else { Ok(None) };
        }
        String::from_utf8(out).map(Some).map_err(|_| Bad)
    }

    fn escape(&mut self) -> Result<Option<char>, Bad> {
        let byte = self.peek().ok_or(Bad)?;
        self.at += 1;
        Ok(Some(match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Bad),
        }))
    }

    fn unicode(&mut self) -> Result<Option<char>, Bad> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Ok(char::from_u32(high));
        }
        if !self.text[self.at..].starts_with(b"\\u") {
            return Ok(None);
        }
        self.at += 2;
        let low = self.hex4()?;
        if !(0xdc00..0xe000).contains(&low) {
            // The second escape is read again: it can begin a pair of its own.
            self.at -= 6;
            return Ok(None);
        }
        Ok(char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)))
    }

    fn hex4(&mut self) -> Result<u32, Bad> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Bad)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |acc, d| (*d as char).to_digit(16).map(|n| acc << 4 | n).ok_or(Bad))
    }

    fn digits(&mut self) -> Result<(), Bad> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Bad) }
    }

    fn number(&mut self) -> Result<Value, Bad> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        let raw = std::str::from_utf8(&self.text[start..self.at]).map_err(|_| Bad)?;
        let value: f64 = raw.parse().map_err(|_| Bad)?;
        if !value.is_finite() {
            return Err(Bad);
        }
        let plain = raw.len() <= 16 && raw.bytes().all(|b| b.is_ascii_digit());
        let int = raw.parse().ok().filter(|n| plain && *n <= MAX_INT);
        Ok(Value::Num(Num { value, int }))
    }
}
