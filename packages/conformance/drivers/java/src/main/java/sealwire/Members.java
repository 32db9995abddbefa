package sealwire;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** Members of claims with the syntax that the tables ask for. What breaks it is E_CLAIMS. */
record Members(Map<String, Object> map) {
    private static final Pattern IDENTIFIER = Pattern.compile("[\\x21-\\x7e]{1," + Limits.IDENTIFIER + "}");
    private static final Pattern TOPIC = Pattern.compile("[A-Za-z0-9._:/-]{1," + Limits.TOPIC + "}");

    static boolean isIdentifier(Object value) {
        return value instanceof String text && IDENTIFIER.matcher(text).matches();
    }

    static boolean isTopic(Object value) {
        return value instanceof String text && TOPIC.matcher(text).matches();
    }

    /** A key id or a message id: b64u of 16 bytes. */
    static boolean isId(Object value) {
        return value instanceof String text && Bytes.fromB64u(text, 16).isPresent();
    }

    static void require(boolean condition) {
        if (!condition) {
            throw Refused.claims();
        }
    }

    boolean has(String name) {
        return map.containsKey(name);
    }

    void absent(String... names) {
        for (String name : names) {
            require(!has(name));
        }
    }

    String identifier(String name) {
        require(isIdentifier(map.get(name)));
        return (String) map.get(name);
    }

    String id(String name) {
        require(isId(map.get(name)));
        return (String) map.get(name);
    }

    Optional<String> optionalId(String name) {
        return has(name) ? Optional.of(id(name)) : Optional.empty();
    }

    String topic(String name) {
        return topic(map.get(name));
    }

    static String topic(Object value) {
        require(isTopic(value));
        return (String) value;
    }

    long integer(String name, long min) {
        return integer(map.get(name), min);
    }

    private static long integer(Object value, long min) {
        require(value instanceof Num number && number.integer() && number.value() >= min);
        return (long) ((Num) value).value();
    }

    Optional<Long> optionalInteger(String name) {
        return has(name) ? Optional.of(integer(name, 0)) : Optional.empty();
    }

    String string(String name) {
        require(map.get(name) instanceof String);
        return (String) map.get(name);
    }

    void optionalString(String name) {
        if (has(name)) {
            string(name);
        }
    }

    Ref ref(String name) {
        return ref(map.get(name));
    }

    Optional<Ref> optionalRef(String name) {
        return has(name) ? Optional.of(ref(name)) : Optional.empty();
    }

    /** A sequence number, or one with the index of an item of a batch. */
    static Ref ref(Object value) {
        if (value instanceof List<?> pair) {
            require(pair.size() == 2 && integer(pair.get(1), 0) < Limits.BATCH_ITEMS);
            return new Ref(integer(pair.get(0), 1), value);
        }
        return new Ref(integer(value, 1), value);
    }

    /** dat, or the bytes of bin, or null where neither is. */
    Object data() {
        if (!has("bin")) {
            return map.get("dat");
        }
        require(!has("dat") && map.get("bin") instanceof String);
        return Bytes.fromB64u((String) map.get("bin")).orElseThrow(Refused::claims);
    }

    /** What a message or an item answers: the sequence number in it, and how it stands on the wire. */
    record Ref(long seq, Object wire) {
        /** Whether it names a message and not an item of one. */
        boolean isMessage() {
            return wire instanceof Num;
        }
    }
}
