package sealwire;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Claims of a control message, the members of its row: session.md, section 11, and lifecycle.md, section 2. */
record Control(Members members) {
    /** Those beside seq and top, in the order of the members. */
    static final String[] MEMBERS = {"n", "epk", "at", "code", "ref", "exp", "scp", "rcv"};

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

    /** Syntax alone: neither the sender's role nor the suite of the session is known. */
    static Control read(byte[] bytes) {
        Members claims = new Members(Codec.JSON.read(bytes));
        String top = claims.string("top");
        claims.integer("seq", top.equals("resumed") ? 0 : 1);
        Map<String, Object> members = new LinkedHashMap<>();
        List.of("seq", "top").forEach(name -> members.put(name, claims.map().get(name)));
        for (String name : row(top, claims)) {
            check(top, name, claims);
            members.put(name, claims.map().get(name));
        }
        return new Control(new Members(members));
    }

    /** The members beside seq and top that a message has. */
    private static List<String> row(String top, Members claims) {
        return switch (top) {
            case "ping", "ack", "auth-soon" -> List.of("rcv");
            case "pong", "auth-no" -> List.of("ref", "rcv");
            case "err" -> List.of("code", "ref", "rcv");
            case "bye" -> claims.has("code") ? List.of("code", "rcv") : List.of("rcv");
            case "rekey" -> List.of("n", "epk", "rcv");
            case "rekeyed" -> List.of("n", "epk", "ref", "rcv");
            case "auth" -> List.of("at", "rcv");
            case "auth-ok" -> List.of("ref", "exp", "scp", "rcv");
            // That of the server has both, that of the client neither.
            case "resumed" -> claims.has("exp") || claims.has("scp") ? List.of("exp", "scp", "rcv") : List.of("rcv");
            case "void" -> {
                claims.absent(MEMBERS);
                yield List.of();
            }
            default -> throw Refused.claims();
        };
    }

    private static void check(String top, String name, Members claims) {
        boolean err = top.equals("err");
        switch (name) {
            case "n" -> claims.integer(name, 1);
            case "epk" -> Members.require(claims.map().get(name) instanceof Map<?, ?>);
            case "at" -> claims.string(name);
            case "code" -> Members.require((err ? ERR_CODES : Registry.names()).contains(claims.string(name)));
            case "ref" -> Members.require(claims.ref(name).isMessage() || err);
            case "scp" ->
                Members.require(claims.map().get(name) instanceof List<?> list
                        && list.stream().allMatch(String.class::isInstance));
            default -> claims.integer(name, 0);
        }
    }

    long seq() {
        return members.integer("seq", 0);
    }

    String top() {
        return members.string("top");
    }

    Optional<Members.Ref> ref() {
        return members.optionalRef("ref");
    }

    /** Nothing in void. */
    Optional<Long> rcv() {
        return members.optionalInteger("rcv");
    }

    Map<String, Object> result() {
        return members.map();
    }
}
