package sealwire;

import java.util.LinkedHashMap;
import java.util.Map;

/** What both ends know of one direction of a session. iss and aud are null at levels without signature. */
record Session(
        Message.Wire wire,
        Level level,
        Codec codec,
        byte[] key,
        byte[] iv,
        byte[] mac,
        String kid,
        String iss,
        String aud) {
    /** The direction that ends at self. */
    static Session toOpen(Input in) {
        return of(in, in.text("peer"), in.text("self"));
    }

    /** The direction that begins at self. */
    static Session toSeal(Input in) {
        return of(in, in.text("self"), in.text("peer"));
    }

    private static Session of(Input in, String iss, String aud) {
        Input keys = in.in("keys");
        return new Session(
                in.wire(),
                in.level(),
                in.codec(),
                keys.bytes("key"),
                keys.bytes("iv"),
                keys.bytes("mac"),
                Bytes.b64u(keys.bytes("kid")),
                iss,
                aud);
    }

    /** The claims that bind a signed message to this direction; none at the other levels. */
    Map<String, String> binding() {
        Map<String, String> claims = new LinkedHashMap<>();
        if (level.isSigned()) {
            claims.put("iss", iss);
            claims.put("aud", aud);
            claims.put("bnd", kid);
        }
        return claims;
    }

    /** The protected header of application messages; signer counts at level sig alone. */
    String header(PublicKey signer) {
        return switch (level) {
            case MAC -> Headers.mac(codec, kid);
            case SIG -> Headers.signed(signer, codec);
            case AEAD -> Headers.aead(codec, kid);
            case NEST -> Headers.nest(kid);
        };
    }
}
