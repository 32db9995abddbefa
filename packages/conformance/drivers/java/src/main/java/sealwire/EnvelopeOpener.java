package sealwire;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Opens standalone envelopes: envelope.md, section 13.5. */
final class EnvelopeOpener {
    private static final Set<String> SIGNED_MEMBERS = Set.of("alg", "cty", "kid", "typ");
    private static final Set<String> ENCRYPTED_MEMBERS = Set.of("alg", "enc", "cty", "epk", "kid", "typ");

    private record Signer(String identity, PublicKey key) {}

    private final Map<String, Signer> signers = new LinkedHashMap<>();
    private final List<String> audience = new ArrayList<>();
    private final Map<?, ?> decryptionJwk;
    private final PublicKey recipient;
    private final Input in;

    /** Takes the configuration; mistakes in it are TypeErrors. */
    EnvelopeOpener(Input in) {
        this.in = in;
        List<?> names = in.get("audience") instanceof List<?> list ? list : List.of(in.get("audience"));
        names.forEach(name -> audience.add((String) name));
        Input keys = in.in("keys");
        for (String identity : keys.map().keySet()) {
            for (Object jwk : keys.in(identity).list("keys")) {
                PublicKey key = PublicKey.configured((Map<?, ?>) jwk, PublicKey.Use.SIGN);
                Signer earlier = signers.put(key.thumbprint(), new Signer(identity, key));
                require(earlier == null || earlier.identity().equals(identity));
                require(Members.isIdentifier(identity));
            }
        }
        decryptionJwk = in.object("decryptionKey");
        recipient = decryptionJwk == null ? null : PublicKey.configured(decryptionJwk, PublicKey.Use.AGREE);
        require(recipient == null || !signers.containsKey(recipient.thumbprint()));
        require(audience.stream().allMatch(Members::isIdentifier)
                && in.number("maxLife", 0) <= Limits.STANDALONE_TTL_MAX);
    }

    private static void require(boolean condition) {
        if (!condition) {
            throw Refused.typeError();
        }
    }

    Map<String, Object> open(Message message) {
        Frame frame = Frame.decode(message, Limits.MESSAGE_BYTES);
        boolean encrypted = frame.form() == Frame.JWE;
        if (!encrypted && frame.form() != Frame.JWS) {
            throw header("E_HEADER");
        }
        Frame jws = encrypted ? decrypt(frame) : frame;
        Signer signer = encrypted ? verifyInner(jws) : verify(jws, "sealwire-env+jwt");
        EnvelopeClaims claims = EnvelopeClaims.read(jws.part("payload"), encrypted);
        if (!claims.iss().equals(signer.identity())) {
            throw new Refused("E_KEY", "claims");
        }
        if (!(encrypted ? audience.subList(0, 1) : audience).contains(claims.aud())) {
            throw new Refused("E_BINDING", "claims");
        }
        long maxLife = in.number("maxLife", Limits.TTL_MAX);
        Life.check(Optional.of(claims.iat()), claims.exp(), in.number("now"), Limits.STANDALONE_SKEW, maxLife);
        if (in.list("seen").contains(List.of(claims.iss(), claims.jti()))) {
            throw new Refused("E_REPLAY", "deliver");
        }
        Map<String, Object> result = claims.result();
        result.put("encrypted", encrypted);
        return result;
    }

    private static Refused header(String code) {
        return new Refused(code, "header");
    }

    /** Steps header and crypto of a JWS. */
    private Signer verify(Frame frame, String typ) {
        Map<String, Object> header =
                Headers.parse(frame.part("protected"), SIGNED_MEMBERS).orElseThrow(() -> header("E_HEADER"));
        Signer signer = signer(header, typ);
        return Jose.verify(frame.toText(), signer.key().jwk())
                .map(payload -> signer)
                .orElseThrow(() -> new Refused("E_CRYPTO", "crypto"));
    }

    /** Step inner behind its encoding: whatever is wrong has one code. */
    private Signer verifyInner(Frame frame) {
        try {
            return verify(frame, "sealwire-envi+jwt");
        } catch (Refused e) {
            throw new Refused("E_CRYPTO", "inner");
        }
    }

    private Signer signer(Map<String, Object> header, String typ) {
        if (!typ.equals(header.get("typ"))) {
            throw header("E_TYP");
        }
        Signer signer = header.get("kid") instanceof String kid ? signers.get(kid) : null;
        if (signer == null) {
            throw header("E_KEY");
        }
        if (!signer.key().algorithm().equals(header.get("alg"))) {
            throw header("E_ALG");
        }
        if (header.containsKey("cty")) {
            throw header("E_CTY");
        }
        return signer;
    }

    /** Steps header and crypto of an encrypted envelope, and the encoding of what is inside. */
    private Frame decrypt(Frame frame) {
        Map<String, Object> header =
                Headers.parse(frame.part("protected"), ENCRYPTED_MEMBERS).orElseThrow(() -> header("E_HEADER"));
        if (!"sealwire-envx+jwt".equals(header.get("typ"))) {
            throw header("E_TYP");
        }
        if (recipient == null || !recipient.thumbprint().equals(header.get("kid")) || !isEphemeral(header.get("epk"))) {
            throw header("E_KEY");
        }
        if (!"ECDH-ES".equals(header.get("alg")) || !"A256GCM".equals(header.get("enc"))) {
            throw header("E_ALG");
        }
        if (!"JWT".equals(header.get("cty"))) {
            throw header("E_CTY");
        }
        boolean lengths = frame.part("iv").length == 12 && frame.part("tag").length == 16;
        Optional<byte[]> plaintext = lengths ? Jose.decrypt(frame.toText(), decryptionJwk) : Optional.empty();
        return Opener.inner(plaintext.orElseThrow(() -> new Refused("E_CRYPTO", "crypto")));
    }

    /** A key on the curve of the decryption key, with exactly the members of the table. */
    private boolean isEphemeral(Object epk) {
        return epk instanceof Map<?, ?> jwk
                && PublicKey.of(jwk, PublicKey.Use.AGREE)
                        .filter(key -> key.crv().equals(recipient.crv())
                                && key.jwk().keySet().equals(jwk.keySet()))
                        .isPresent();
    }
}
