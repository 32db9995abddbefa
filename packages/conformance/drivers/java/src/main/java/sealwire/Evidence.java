package sealwire;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Verifies evidence bundles: envelope.md, section 12. */
final class Evidence {
    private static final Set<String> MEMBERS = Set.of("alg", "cty", "kid", "typ");

    private final Input in;
    private final Input bundle;

    Evidence(Input in) {
        this.in = in;
        this.bundle = in.in("evidence");
    }

    Map<String, Object> verify() {
        // Before the bundle: mistakes in the server's key set are those of the caller.
        boolean ofServer = in.has("server") && isServerKey();
        String jws = bundle.text("jws");
        Frame frame = Frame.fromText(jws, "encoding");
        if (frame.form() != Frame.JWS) {
            throw new Refused("E_MALFORMED", "encoding");
        }
        Map<String, Object> header =
                Headers.parse(frame.part("protected"), MEMBERS).orElseThrow(() -> header("E_HEADER"));
        require("sealwire+jwt".equals(header.get("typ")), header("E_TYP"));
        boolean cbor = header.containsKey("cty");
        PublicKey key = PublicKey.of(bundle.object("jwk"), PublicKey.Use.SIGN).orElseThrow(() -> header("E_KEY"));
        require(key.thumbprint().equals(header.get("kid")), header("E_KEY"));
        require(key.algorithm().equals(header.get("alg")), header("E_ALG"));
        require(!cbor || Codec.CBOR.cty().equals(header.get("cty")), header("E_CTY"));
        byte[] payload = Jose.verify(jws, key.jwk()).orElseThrow(() -> new Refused("E_CRYPTO", "crypto"));
        Claims claims = Claims.read(payload, cbor ? Codec.CBOR : Codec.JSON, Level.NEST);
        boolean ofClient = claims.iss().equals(key.thumbprint());
        require(
                ofClient || ofServer && claims.iss().equals(in.in("server").text("id")),
                new Refused("E_KEY", "claims"));
        return result(
                ofClient ? client(key.thumbprint()) : Map.of("kind", "server", "id", claims.iss()),
                key.thumbprint(),
                claims);
    }

    /** Whether the key of the bundle is in the server's key set; every key of that set is checked as configuration. */
    private boolean isServerKey() {
        String own = PublicKey.of(bundle.object("jwk"), PublicKey.Use.SIGN)
                .map(PublicKey::thumbprint)
                .orElse("");
        return in.in("server").in("keys").list("keys").stream()
                .map(jwk -> PublicKey.configured((Map<?, ?>) jwk, PublicKey.Use.SIGN)
                        .thumbprint())
                .toList()
                .contains(own);
    }

    /** The person behind a client's key, by the token. */
    private Map<String, Object> client(String thumbprint) {
        AccessToken token = AccessToken.verify(bundle.text("token"), in.inputs("issuers"));
        require(thumbprint.equals(token.jkt()), new Refused("E_POP", "claims"));
        Map<String, Object> signer = new LinkedHashMap<>();
        signer.put("kind", "client");
        signer.put("id", token.sub());
        signer.put("issuer", token.iss());
        return signer;
    }

    private static Map<String, Object> result(Map<String, Object> signer, String thumbprint, Claims claims) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("signer", signer);
        result.put("thumbprint", thumbprint);
        result.put("audience", claims.aud());
        result.put("seq", claims.seq());
        result.put("iat", claims.iat().orElseThrow());
        result.put("exp", claims.exp());
        result.put("items", claims.items().stream().map(Evidence::item).toList());
        return result;
    }

    private static Map<String, Object> item(Claims.Item item) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("top", item.top());
        result.put("data", item.data());
        return result;
    }

    private static Refused header(String code) {
        return new Refused(code, "header");
    }

    private static void require(boolean condition, Refused otherwise) {
        if (!condition) {
            throw otherwise;
        }
    }
}
