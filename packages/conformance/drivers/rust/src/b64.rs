//! base64url without padding, canonical (conventions.md, section 3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// None where a character, the length or the pad bits break the rules.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub fn is_bytes(text: &str, length: usize) -> bool {
    decode(text.as_bytes()).is_some_and(|bytes| bytes.len() == length)
}
