//! Numbers in strict and in window order, and the store of replay keys (replay.md).

use crate::jose::lp;
use crate::value::{Value, hex};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Ok,
    Replay,
    Seq,
}

/// The window of replay.md, section 5.1: a ring of 32-bit words.
pub struct Window {
    size: u64,
    top: u64,
    ring: Vec<u32>,
}

pub enum Order {
    Strict { last: u64 },
    Window(Window),
}

impl Window {
    pub fn new(size: u64) -> Self {
        let words = (size + 30) / 32 + 1;
        Window {
            size,
            top: 0,
            ring: vec![0; words as usize],
        }
    }

    fn word(&self, seq: u64) -> usize {
        (seq / 32 % self.ring.len() as u64) as usize
    }

    pub fn check(&self, seq: u64) -> Verdict {
        if seq == 0 {
            return Verdict::Seq;
        }
        if seq > self.top {
            return Verdict::Ok;
        }
        let seen = self.ring[self.word(seq)] >> (seq % 32) & 1 == 1;
        if self.top - seq >= self.size || seen {
            Verdict::Replay
        } else {
            Verdict::Ok
        }
    }

    pub fn commit(&mut self, seq: u64) {
        if seq > self.top {
            let steps = (seq / 32 - self.top / 32).min(self.ring.len() as u64);
            for i in 1..=steps {
                let word = self.word((self.top / 32 + i) * 32);
                self.ring[word] = 0;
            }
            self.top = seq;
        }
        let word = self.word(seq);
        self.ring[word] |= 1 << (seq % 32);
    }
}

impl Order {
    pub fn check(&self, seq: u64) -> Verdict {
        match self {
            Order::Window(window) => window.check(seq),
            Order::Strict { last } => match seq {
                0 => Verdict::Seq,
                n if n <= *last => Verdict::Replay,
                n if n > last + 1 => Verdict::Seq,
                _ => Verdict::Ok,
            },
        }
    }

    pub fn is_window(&self) -> bool {
        matches!(self, Order::Window(_))
    }

    pub fn top(&self) -> u64 {
        match self {
            Order::Window(window) => window.top,
            Order::Strict { last } => *last,
        }
    }
}

pub fn key(receiver: &str, iss: &str, jti: &str) -> String {
    let hash = Sha256::new()
        .chain_update(b"sealwire1 jti\0")
        .chain_update(lp(receiver.as_bytes()))
        .chain_update(lp(iss.as_bytes()))
        .chain_update(lp(jti.as_bytes()))
        .finalize();
    hex(&hash)
}

/// One replay store, and the node in front of it.
pub struct Store {
    capacity: usize,
    share: usize,
    skew: u64,
    started_at: Option<u64>,
    /// Replay key to the end of its entry and its issuer.
    entries: HashMap<String, (u64, String)>,
    /// Entries that ended up to this time are forgotten.
    dropped: u64,
}

impl Store {
    pub fn new(capacity: u64, skew: u64, started_at: Option<u64>) -> Self {
        Store {
            capacity: capacity as usize,
            share: (capacity as usize / 10).max(1),
            skew,
            started_at,
            entries: HashMap::new(),
            dropped: 0,
        }
    }

    pub fn insert(&mut self, envelope: &Value) -> Option<&'static str> {
        let text = |name| envelope.get(name).and_then(Value::as_str);
        let int = |name| envelope.get(name).and_then(Value::as_int);
        let (now, iat, exp) = (int("now")?, int("iat")?, int("exp")?);
        let (iss, end) = (text("iss")?, exp + 2 * self.skew);
        if self.started_at.is_some_and(|start| iat <= start + self.skew) {
            return Some("E_REPLAY_STORE");
        }
        self.dropped = self.dropped.max(now);
        let dropped = self.dropped;
        self.entries.retain(|_, (end, _)| *end > dropped);
        let key = key(text("receiver")?, iss, text("jti")?);
        if self.entries.contains_key(&key) {
            return Some("E_REPLAY");
        }
        let of_issuer = self.entries.values().filter(|(_, i)| i == iss).count();
        if end <= dropped || self.entries.len() >= self.capacity || of_issuer >= self.share {
            return Some("E_REPLAY_STORE");
        }
        self.entries.insert(key, (end, iss.to_string()));
        Some("ok")
    }
}
