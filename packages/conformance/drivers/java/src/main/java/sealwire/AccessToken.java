package sealwire;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An access token that passed the checks of session.md, section 6, except those of time and audience.
 *
 * @param jkt null for a bearer token
 */
record AccessToken(String iss, String sub, String jkt) {
    private static final List<Object> ALGORITHMS = List.of("ES256", "Ed25519");
    private static final int SUB_LENGTH = 256;
    private static final int THUMBPRINT_LENGTH = 43;

    static AccessToken verify(String token, List<Input> issuers) {
        return Optional.ofNullable(token)
                .filter(text -> Bytes.utf8(text).length <= Limits.TOKEN_BYTES)
                .flatMap(text -> parse(text, issuers))
                .orElseThrow(() -> new Refused("E_TOKEN", "claims"));
    }

    private static Optional<AccessToken> parse(String token, List<Input> issuers) {
        String[] segments = token.split("\\.", -1);
        if (segments.length != 3) {
            return Optional.empty();
        }
        Optional<Map<String, Object>> header = Bytes.fromB64u(segments[0]).flatMap(Json::object);
        Optional<Map<String, Object>> claims = Bytes.fromB64u(segments[1]).flatMap(Json::object);
        return claims.flatMap(payload -> issuers.stream()
                .filter(issuer -> issuer.text("issuer").equals(payload.get("iss")))
                .filter(issuer -> header.isPresent() && isSigned(token, header.get(), issuer))
                .findFirst()
                .flatMap(issuer -> shape(payload)));
    }

    private static boolean isSigned(String token, Map<String, Object> header, Input issuer) {
        List<?> algorithms = issuer.has("algorithms") ? issuer.list("algorithms") : ALGORITHMS;
        return issuer.text("typ", "at+jwt").equals(header.get("typ"))
                && algorithms.contains(header.get("alg"))
                && issuer.in("keys").list("keys").stream()
                        .map(jwk -> (Map<?, ?>) jwk)
                        .filter(jwk ->
                                !header.containsKey("kid") || header.get("kid").equals(jwk.get("kid")))
                        .anyMatch(jwk -> Jose.verify(token, jwk).isPresent());
    }

    private static Optional<AccessToken> shape(Map<String, Object> claims) {
        if (!(claims.get("exp") instanceof Num)
                || !(claims.get("sub") instanceof String sub)
                || sub.codePointCount(0, sub.length()) > SUB_LENGTH) {
            return Optional.empty();
        }
        String iss = (String) claims.get("iss");
        if (!claims.containsKey("cnf")) {
            return Optional.of(new AccessToken(iss, sub, null));
        }
        boolean bound = claims.get("cnf") instanceof Map<?, ?> cnf && cnf.size() == 1 && isThumbprint(cnf.get("jkt"));
        return bound
                ? Optional.of(new AccessToken(iss, sub, (String) ((Map<?, ?>) claims.get("cnf")).get("jkt")))
                : Optional.empty();
    }

    private static boolean isThumbprint(Object value) {
        return value instanceof String text && text.length() == THUMBPRINT_LENGTH;
    }
}
