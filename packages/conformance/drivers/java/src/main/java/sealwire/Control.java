package sealwire;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Claims of a control message: session.md, section 11. */
record Control(long seq, String top, Optional<String> code, Optional<Members.Ref> ref, long rcv) {
    private static final Set<String> ERR_CODES = Set.of(
            "E_EXPIRED",
            "E_FUTURE",
            "E_TTL",
            "E_DENIED",
            "E_RATE",
            "E_REPLAY_STORE",
            "E_NO_HANDLER",
            "E_HANDLER",
            "E_INVALID");

    static Control read(byte[] bytes) {
        Members claims = new Members(Codec.JSON.read(bytes));
        String top = claims.topic("top");
        Optional<String> code = Optional.empty();
        Optional<Members.Ref> ref = Optional.empty();
        switch (top) {
            case "err" -> {
                code = Optional.of(code(claims, ERR_CODES));
                ref = Optional.of(claims.ref("ref"));
            }
            case "ping" -> {
                // Nothing of its own.
            }
            case "pong" ->
                ref = Optional.of(
                        new Members.Ref(claims.integer("ref", 1), claims.map().get("ref")));
            case "bye" -> code = claims.has("code") ? Optional.of(code(claims, Registry.names())) : Optional.empty();
            default -> throw Refused.claims();
        }
        return new Control(claims.integer("seq", 1), top, code, ref, claims.integer("rcv", 0));
    }

    private static String code(Members claims, Set<String> known) {
        Members.require(claims.map().get("code") instanceof String code && known.contains(code));
        return (String) claims.map().get("code");
    }

    Map<String, Object> result() {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("seq", seq);
        result.put("top", top);
        code.ifPresent(value -> result.put("code", value));
        ref.ifPresent(value -> result.put("ref", value.wire()));
        result.put("rcv", rcv);
        return result;
    }
}
