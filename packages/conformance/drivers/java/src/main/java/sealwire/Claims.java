package sealwire;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Claims of an application message: envelope.md, sections 5 to 7. iss, aud and bnd are null at levels without
 * signature.
 */
record Claims(
        long seq,
        Optional<String> jti,
        Optional<Long> iat,
        long exp,
        String iss,
        String aud,
        String bnd,
        List<Item> items) {
    /** One item; a message without bat is a list of one. */
    record Item(String top, Optional<Members.Ref> ref, boolean req, Object data) {
        Map<String, Object> result() {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("top", top);
            result.put("ref", ref.map(Members.Ref::wire).orElse(null));
            result.put("req", req);
            result.put("data", data);
            return result;
        }
    }

    static Claims read(byte[] bytes, Codec codec, Level level) {
        Members claims = new Members(codec.read(bytes));
        claims.absent("rcv");
        if (codec == Codec.CBOR) {
            claims.absent("bin");
        }
        if (level.isEncrypted()) {
            claims.optionalString("pad");
        } else {
            claims.absent("pad");
        }
        boolean signed = level.isSigned();
        if (!signed) {
            claims.absent("iss", "aud", "bnd");
        }
        Members.require(claims.has("iat") || !signed && !claims.has("jti"));
        Optional<Long> iat = claims.optionalInteger("iat");
        long exp = claims.integer("exp", 0);
        Members.require(iat.isEmpty() || iat.get() <= exp);
        return new Claims(
                claims.integer("seq", 1),
                claims.optionalId("jti"),
                iat,
                exp,
                signed ? claims.identifier("iss") : null,
                signed ? claims.identifier("aud") : null,
                signed ? claims.id("bnd") : null,
                claims.has("bat") ? batch(claims) : List.of(single(claims)));
    }

    private static Item single(Members claims) {
        boolean req = claims.has("req");
        Members.require(!req || Boolean.TRUE.equals(claims.map().get("req")) && !claims.has("ref"));
        Members.require(!claims.has("jti") || !req && !claims.has("ref"));
        return new Item(claims.topic("top"), claims.optionalRef("ref"), req, claims.data());
    }

    private static List<Item> batch(Members claims) {
        claims.absent("jti", "top", "ref", "req", "dat", "bin");
        Members.require(claims.map().get("bat") instanceof List<?> list
                && !list.isEmpty()
                && list.size() <= Limits.BATCH_ITEMS);
        List<Item> items = new ArrayList<>();
        for (Object element : (List<?>) claims.map().get("bat")) {
            Members.require(element instanceof List<?>);
            List<?> item = (List<?>) element;
            boolean req = item.size() == 4;
            Members.require(item.size() == 3 || req && item.get(1) == null && Boolean.TRUE.equals(item.get(3)));
            Optional<Members.Ref> ref = Optional.ofNullable(item.get(1)).map(Members::ref);
            items.add(new Item(Members.topic(item.get(0)), ref, req, item.get(2)));
        }
        return items;
    }

    Stream<Members.Ref> refs() {
        return items.stream().flatMap(item -> item.ref().stream());
    }

    Map<String, Object> result() {
        Map<String, Object> result = new LinkedHashMap<>();
        if (iss != null) {
            result.put("iss", iss);
            result.put("aud", aud);
            result.put("bnd", bnd);
        }
        result.put("seq", seq);
        jti.ifPresent(value -> result.put("jti", value));
        iat.ifPresent(value -> result.put("iat", value));
        result.put("exp", exp);
        result.put("items", items.stream().map(Item::result).toList());
        return result;
    }
}
