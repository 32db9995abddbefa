package sealwire;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Protected headers: envelope.md, section 4. */
final class Headers {
    private Headers() {}

    static String mac(Codec codec, String kid) {
        return write("HS256", null, codec.cty(), null, kid, "sealwire+jwt");
    }

    static String signed(PublicKey signer, Codec codec) {
        return write(signer.algorithm(), null, codec.cty(), null, signer.thumbprint(), "sealwire+jwt");
    }

    static String aead(Codec codec, String kid) {
        return write("dir", "A256GCM", codec.cty(), null, kid, "sealwire+jwt");
    }

    static String nest(String kid) {
        return write("dir", "A256GCM", "JWT", null, kid, "sealwire+jwt");
    }

    static String control(String kid) {
        return write("dir", "A256GCM", null, null, kid, "sealwire-ctl+jwt");
    }

    static String envelope(PublicKey signer, String typ) {
        return write(signer.algorithm(), null, null, null, signer.thumbprint(), typ);
    }

    static String encryptedEnvelope(PublicKey ephemeral, PublicKey recipient) {
        return write("ECDH-ES", "A256GCM", "JWT", ephemeral.jwk(), recipient.thumbprint(), "sealwire-envx+jwt");
    }

    private static String write(String alg, String enc, String cty, Map<String, Object> epk, String kid, String typ) {
        Map<String, Object> header = new LinkedHashMap<>();
        header.put("alg", alg);
        header.put("enc", enc);
        header.put("cty", cty);
        header.put("epk", epk);
        header.put("kid", kid);
        header.put("typ", typ);
        header.values().removeIf(value -> value == null);
        return Json.write(header);
    }

    /** A header that is parsed: size, JSON and allow-list, or nothing. */
    static Optional<Map<String, Object>> parse(byte[] bytes, Set<String> allowed) {
        if (bytes.length > Limits.HEADER_BYTES) {
            return Optional.empty();
        }
        return Json.object(bytes)
                .filter(header -> header.size() <= Limits.HEADER_MEMBERS && allowed.containsAll(header.keySet()));
    }
}
