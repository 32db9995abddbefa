package sealwire;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Claims of a standalone envelope: envelope.md, section 13.2. */
record EnvelopeClaims(
        String iss, String aud, String jti, long iat, long exp, String top, Optional<String> ref, Object data) {
    static EnvelopeClaims read(byte[] bytes, boolean encrypted) {
        Members claims = new Members(Codec.JSON.read(bytes));
        claims.absent("bnd", "seq", "req", "bat", "rcv");
        if (encrypted) {
            claims.optionalString("pad");
        } else {
            claims.absent("pad");
        }
        long iat = claims.integer("iat", 0);
        long exp = claims.integer("exp", 0);
        Members.require(iat <= exp);
        return new EnvelopeClaims(
                claims.identifier("iss"),
                claims.identifier("aud"),
                claims.id("jti"),
                iat,
                exp,
                claims.topic("top"),
                claims.optionalId("ref"),
                claims.data());
    }

    Map<String, Object> result() {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("iss", iss);
        result.put("aud", aud);
        result.put("jti", jti);
        result.put("iat", iat);
        result.put("exp", exp);
        result.put("top", top);
        ref.ifPresent(value -> result.put("ref", value));
        result.put("data", data);
        return result;
    }
}
