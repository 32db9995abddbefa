//! Evidence bundles (envelope.md, section 12).

use crate::b64;
use crate::claims::{self, Level};
use crate::fail::{Fail, fail, type_error};
use crate::frame::jws_segments;
use crate::jose::{self, Key};
use crate::json;
use crate::keys::{Public, Use};
use crate::standalone::parsed;
use crate::value::{Value, object};

const TOKEN_BYTES: usize = 8192;

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

pub fn verify(input: &Value) -> Result<Value, Fail> {
    let evidence = input.get("evidence").ok_or_else(type_error)?;
    let jws = text(evidence, "jws").ok_or_else(type_error)?;
    let parts = jws_segments(jws.as_bytes(), "encoding")?;
    let header = parsed(&parts[0], &["alg", "cty", "kid", "typ"])?;
    let (key, cbor) = check_header(&header, evidence)?;
    let payload = jose::verify(&Key::Verify(key.clone()), jws).ok_or_else(|| fail("E_CRYPTO", "crypto"))?;
    let claims = claims::application(&payload, cbor, Level::Nest)?;
    let thumbprint = key.thumbprint();
    let iss = claims.iss.as_deref().unwrap_or_default();
    let signer = if iss == thumbprint {
        client(input, text(evidence, "token"), &thumbprint)?
    } else {
        server(input, iss, &thumbprint).ok_or_else(|| fail("E_KEY", "claims"))?
    };
    let items = claims.items.iter().map(|item| {
        let top = Some(Value::str(&item.top));
        object([("top", top), ("data", Some(item.data.clone()))])
    });
    Ok(object([
        ("signer", Some(signer)),
        ("thumbprint", Some(Value::str(thumbprint))),
        ("audience", claims.aud.as_ref().map(Value::str)),
        ("seq", Some(Value::int(claims.seq))),
        ("iat", claims.iat.map(Value::int)),
        ("exp", Some(Value::int(claims.exp))),
        ("items", Some(Value::Arr(items.collect()))),
    ]))
}

/// The key of the bundle, and whether the codec is `cbor`.
fn check_header(header: &Value, evidence: &Value) -> Result<(Public, bool), Fail> {
    if text(header, "typ") != Some("sealwire+jwt") {
        return Err(fail("E_TYP", "header"));
    }
    let key = evidence.get("jwk").and_then(|jwk| Public::check(jwk, Use::Sign));
    let key = key.filter(|key| text(header, "kid") == Some(&key.thumbprint()));
    let key = key.ok_or_else(|| fail("E_KEY", "header"))?;
    if text(header, "alg") != Some(key.alg(Use::Sign)) {
        return Err(fail("E_ALG", "header"));
    }
    match header.get("cty").map(Value::as_str) {
        None => Ok((key, false)),
        Some(Some("sealwire+cbor")) => Ok((key, true)),
        Some(_) => Err(fail("E_CTY", "header")),
    }
}

fn server(input: &Value, iss: &str, thumbprint: &str) -> Option<Value> {
    let server = input.get("server").filter(|server| text(server, "id") == Some(iss))?;
    let mut keys = server.get("keys")?.get("keys")?.as_arr()?.iter();
    let pins = |jwk| Public::configured(jwk, Use::Sign).is_some_and(|key| key.thumbprint() == thumbprint);
    keys.any(pins)
        .then(|| object([("kind", Some(Value::str("server"))), ("id", Some(Value::str(iss)))]))
}

/// The principal of the token, once its `cnf` names the key.
fn client(input: &Value, token: Option<&str>, thumbprint: &str) -> Result<Value, Fail> {
    let token = token.and_then(|token| check_token(input, token));
    let token = token.ok_or_else(|| fail("E_TOKEN", "claims"))?;
    if token.get("cnf").and_then(|cnf| text(cnf, "jkt")) != Some(thumbprint) {
        return Err(fail("E_POP", "claims"));
    }
    Ok(object([
        ("kind", Some(Value::str("client"))),
        ("id", token.get("sub").cloned()),
        ("issuer", token.get("iss").cloned()),
    ]))
}

fn segment(token: &str, index: usize) -> Option<Value> {
    let bytes = b64::decode(token.split('.').nth(index)?.as_bytes())?;
    json::parse(&bytes, &json::CLAIMS).ok()
}

/// The claims of an access token that passes session.md, section 6, except for time and audience.
fn check_token(input: &Value, token: &str) -> Option<Value> {
    if token.len() > TOKEN_BYTES {
        return None;
    }
    let (header, unverified) = (segment(token, 0)?, segment(token, 1)?);
    let named = text(&unverified, "iss")?;
    let mut issuers = input.get("issuers")?.as_arr()?.iter();
    let issuer = issuers.find(|issuer| text(issuer, "issuer") == Some(named))?;
    if text(&header, "typ")? != text(issuer, "typ").unwrap_or("at+jwt") {
        return None;
    }
    let alg = text(&header, "alg")?;
    let allowed = match issuer.get("algorithms").and_then(Value::as_arr) {
        Some(algorithms) => algorithms.iter().any(|a| a.as_str() == Some(alg)),
        None => matches!(alg, "ES256" | "Ed25519"),
    };
    let kid = header.get("kid").map(Value::as_str);
    let keys = issuer.get("keys")?.get("keys")?.as_arr()?.iter();
    let mut keys = keys.filter(|jwk| kid.is_none_or(|kid| text(jwk, "kid") == kid));
    if !allowed || !keys.any(|jwk| jose::verify_token(jwk, alg, token).is_some()) {
        return None;
    }
    let claims = unverified;
    text(&claims, "sub").filter(|sub| sub.chars().count() <= 256)?;
    matches!(claims.get("exp"), Some(Value::Num(_))).then_some(())?;
    if let Some(cnf) = claims.get("cnf") {
        text(cnf, "jkt").filter(|jkt| jkt.len() == 43 && cnf.members().len() == 1)?;
    }
    Some(claims)
}
