package sealwire;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Writes claims in the order of the tables. What no opener takes, or the data model does not hold, is a TypeError. */
final class ClaimsWriter {
    private final Map<String, Object> claims = new LinkedHashMap<>();
    private final Input in;

    private ClaimsWriter(Input in) {
        this.in = in;
    }

    /** The claims of in, with those of the session beside them at levels with signature. */
    static byte[] application(Input in, Level level, Codec codec, Map<String, String> session) {
        ClaimsWriter writer = new ClaimsWriter(in);
        writer.claims.putAll(session);
        writer.copy("seq", "jti", "iat", "exp", "top", "ref", "req");
        if (in.has("bat")) {
            writer.batch(codec);
        } else {
            writer.data(codec);
        }
        return writer.finish(codec, bytes -> Claims.read(bytes, codec, level));
    }

    /** A control message: its seq, and the other members from their own input. */
    static byte[] control(long seq, Input in) {
        ClaimsWriter writer = new ClaimsWriter(in);
        writer.claims.put("seq", Num.of(seq));
        writer.copy("top");
        writer.copy(Control.MEMBERS);
        return writer.finish(Codec.JSON, Control::read);
    }

    static byte[] envelope(Input in, boolean encrypted) {
        ClaimsWriter writer = new ClaimsWriter(in);
        writer.copy("iss", "aud", "jti", "iat", "exp", "top", "ref");
        writer.data(Codec.JSON);
        return writer.finish(Codec.JSON, bytes -> EnvelopeClaims.read(bytes, encrypted));
    }

    private void copy(String... names) {
        for (String name : names) {
            if (in.has(name)) {
                claims.put(name, in.get(name));
            }
        }
    }

    private void data(Codec codec) {
        Object data = in.data();
        if (data instanceof byte[] bytes) {
            claims.put(codec == Codec.JSON ? "bin" : "dat", codec == Codec.JSON ? Bytes.b64u(bytes) : bytes);
        } else {
            claims.put("dat", data);
        }
    }

    private void batch(Codec codec) {
        List<?> items = (List<?>) in.data("bat");
        boolean writable = items.stream().allMatch(item -> item instanceof List<?> entry
                && entry.stream()
                        .allMatch(value -> value instanceof byte[] ? codec == Codec.CBOR : isInModel(value, codec)));
        if (!writable) {
            throw Refused.typeError();
        }
        claims.put("bat", items);
    }

    private byte[] finish(Codec codec, Consumer<byte[]> reader) {
        for (Map.Entry<String, Object> claim : claims.entrySet()) {
            boolean checked = claim.getValue() instanceof byte[] || claim.getKey().equals("bat");
            if (!checked && !isInModel(claim.getValue(), codec)) {
                throw Refused.typeError();
            }
        }
        byte[] bytes = codec.write(claims);
        try {
            reader.accept(bytes);
        } catch (Refused e) {
            throw Refused.typeError();
        }
        return bytes;
    }

    private static boolean isInModel(Object value, Codec codec) {
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                    .allMatch(member -> isInModel(member.getKey(), codec) && isInModel(member.getValue(), codec));
        }
        if (value instanceof List<?> list) {
            return list.stream().allMatch(element -> isInModel(element, codec));
        }
        if (value instanceof Num number) {
            return Double.isFinite(number.value()) && (codec == Codec.JSON || !number.isIntegral() || number.isSafe());
        }
        return value instanceof String text ? Bytes.isScalar(text) : value == null || value instanceof Boolean;
    }
}
