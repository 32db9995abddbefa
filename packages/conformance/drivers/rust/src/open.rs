//! Opening messages of a session, steps `frame` to `time` (envelope.md, section 9).

use crate::claims::{self, Application, Level, place};
use crate::control::Control;
use crate::fail::{Fail, claims as refuse, fail, type_error};
use crate::frame::{Frame, MESSAGE_BYTES, Message, compact, jws_segments, seq_of};
use crate::jose::{self, Key};
use crate::keys::Public;
use crate::message::Direction;
use crate::replay::{Order, Verdict};
use crate::value::Value;

/// What the opener knows beside the keys.
pub struct State {
    pub order: Order,
    pub sent: u64,
    pub rcv: u64,
    pub now: u64,
    pub peer: Option<Public>,
}

pub enum Opened {
    Message(Application, Option<String>),
    Control(Control),
}

const KEY_MESSAGES: u64 = 16_777_216;
impl Direction {
    /// Steps `frame` to `time`.
    pub fn open(&self, state: &State, message: &Message) -> Result<Opened, Fail> {
        message.check(self.binary, MESSAGE_BYTES)?;
        let frame = message.decode()?;
        let header = self.header(state.peer.as_ref())?;
        let control = self.is_control(&frame, &header)?;
        let encrypted = control || self.level.encrypted();
        let seq = if encrypted {
            Some(self.sequence(&frame, state)?)
        } else {
            None
        };
        let payload = self.crypto(&frame, control, &header, state)?;
        if control {
            return self.open_control(&payload, seq, state).map(Opened::Control);
        }
        let (payload, jws) = match self.level {
            Level::Nest => self.inner(payload, state)?,
            Level::Sig => (payload, Some(self.expanded(&frame, &header)?)),
            _ => (payload, None),
        };
        let claims = claims::application(&payload, self.cbor, self.level)?;
        self.check(&claims, seq, state)?;
        if claims.seq > KEY_MESSAGES {
            return Err(fail("E_KEY_LIMIT", "commit"));
        }
        life(claims.iat, claims.exp, state.now, 30, 300)?;
        Ok(Opened::Message(claims, jws))
    }

    /// Step `header`: the receive table.
    fn is_control(&self, frame: &Frame, header: &str) -> Result<bool, Fail> {
        let found = match frame {
            Frame::Compact(parts) => {
                let jwe = parts.len() == 5;
                let is = |header: &str| parts[0] == header.as_bytes();
                let control = jwe && is(&self.control_header());
                let application = jwe == self.level.encrypted() && is(header);
                (!self.binary && (control || application)).then_some(control)
            }
            Frame::Sealed { h: 1, .. } => Some(true),
            Frame::Sealed { h: 0, .. } if self.level.encrypted() => Some(false),
            Frame::Signed { h: 0, .. } if !self.level.encrypted() => Some(false),
            _ => None,
        };
        found.ok_or_else(|| fail("E_HEADER", "header"))
    }

    /// Step `sequence` of a JWE.
    fn sequence(&self, frame: &Frame, state: &State) -> Result<u64, Fail> {
        let seq = match frame {
            Frame::Compact(parts) => seq_of(&self.iv, &parts[2]).ok_or_else(|| fail("E_IV", "sequence"))?,
            Frame::Sealed { seq, .. } => *seq,
            _ => return Err(type_error()),
        };
        state.order.check(seq).to_fail("sequence").map_or(Ok(seq), Err)
    }

    fn expanded(&self, frame: &Frame, header: &str) -> Result<String, Fail> {
        let table = |h| match h {
            0 => Some(header.to_string()),
            1 => Some(self.control_header()),
            _ => None,
        };
        frame.expand(table, &self.iv)
    }

    /// Step `crypto`, by the library.
    fn crypto(&self, frame: &Frame, control: bool, header: &str, state: &State) -> Result<Vec<u8>, Fail> {
        let tag = match frame {
            Frame::Compact(parts) => parts.len() != 5 || parts[4].len() == 16,
            Frame::Sealed { data, .. } => data.len() >= 16,
            _ => true,
        };
        if !tag {
            return Err(fail("E_CRYPTO", "crypto"));
        }
        let text = self.expanded(frame, header)?;
        let opened = match self.level {
            _ if control || self.level.encrypted() => jose::decrypt(&Key::Dir(self.key.clone()), &text),
            Level::Mac => jose::verify(&Key::Hs256(self.mac.clone()), &text),
            _ => jose::verify(&Key::Verify(state.peer.clone().ok_or_else(type_error)?), &text),
        };
        opened.ok_or_else(|| fail("E_CRYPTO", "crypto"))
    }

    /// Step `inner` of `nest`.
    fn inner(&self, plaintext: Vec<u8>, state: &State) -> Result<(Vec<u8>, Option<String>), Fail> {
        let parts = jws_segments(&plaintext, "inner")?;
        let peer = state.peer.clone().ok_or_else(type_error)?;
        let crypto = || fail("E_CRYPTO", "inner");
        if parts[0] != self.signed_header(&peer).as_bytes() {
            return Err(crypto());
        }
        let text = compact(&parts);
        let payload = jose::verify(&Key::Verify(peer), &text).ok_or_else(crypto)?;
        Ok((payload, Some(text)))
    }

    /// Step `claims` behind the syntax.
    fn check(&self, claims: &Application, seq: Option<u64>, state: &State) -> Result<(), Fail> {
        if self.level.signed() {
            let is = |found: &Option<String>, expected: &String| found.as_ref() == Some(expected);
            if !is(&claims.iss, &self.sealer) {
                return Err(fail("E_KEY", "claims"));
            }
            if !is(&claims.aud, &self.opener) || !is(&claims.bnd, &self.kid) {
                return Err(fail("E_BINDING", "claims"));
            }
        }
        match seq {
            Some(seq) if seq != claims.seq => return Err(fail("E_SEQ", "claims")),
            Some(_) => {}
            None => state.order.check(claims.seq).to_fail("claims").map_or(Ok(()), Err)?,
        }
        let references = claims.items.iter().filter_map(|item| item.reference.as_ref());
        sent(references, state)
    }

    fn open_control(&self, payload: &[u8], seq: Option<u64>, state: &State) -> Result<Control, Fail> {
        let claims = claims::control(payload)?;
        if seq != Some(claims.seq) {
            return Err(fail("E_SEQ", "claims"));
        }
        sent(claims.reference().into_iter(), state)?;
        let lies = |rcv| rcv > state.sent || !state.order.is_window() && rcv < state.rcv;
        if claims.rcv.is_some_and(lies) {
            return Err(fail("E_SEQ", "claims"));
        }
        if claims.top == "bye" && claims.seq < state.order.top() {
            return Err(fail("E_STATE", "commit"));
        }
        if claims.seq > KEY_MESSAGES {
            return Err(fail("E_KEY_LIMIT", "commit"));
        }
        Ok(claims)
    }
}

/// Does every `ref` name a number that was sent?
fn sent<'a>(mut references: impl Iterator<Item = &'a Value>, state: &State) -> Result<(), Fail> {
    let known = references.all(|r| place(r).is_some_and(|n| n <= state.sent));
    if known { Ok(()) } else { Err(refuse()) }
}

/// Step `time` (conventions.md, section 6).
pub fn life(iat: Option<u64>, exp: u64, now: u64, skew: u64, max: u64) -> Result<(), Fail> {
    if now >= exp + skew {
        return Err(fail("E_EXPIRED", "time"));
    }
    if iat.is_some_and(|iat| iat > now + skew) {
        return Err(fail("E_FUTURE", "time"));
    }
    if iat.is_some_and(|iat| exp.saturating_sub(iat) > max) || exp > now + max + skew {
        return Err(fail("E_TTL", "time"));
    }
    Ok(())
}

impl Verdict {
    pub fn to_fail(self, step: &'static str) -> Option<Fail> {
        match self {
            Verdict::Ok => None,
            Verdict::Replay => Some(fail("E_REPLAY", step)),
            Verdict::Seq => Some(fail("E_SEQ", step)),
        }
    }
}
