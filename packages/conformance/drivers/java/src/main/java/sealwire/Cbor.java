package sealwire;

import com.upokecenter.cbor.CBOREncodeOptions;
import com.upokecenter.cbor.CBORException;
import com.upokecenter.cbor.CBORObject;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Claims of codec cbor. A scan checks what the specification asks of the encoding and bounds what the CBOR library gets
 * to read; that library reads and writes the values. They are those of {@link Json}, and byte[].
 */
final class Cbor {
    private static final CBOREncodeOptions OPTIONS =
            new CBOREncodeOptions("float64=true;keepkeyorder=true;resolvereferences=false");
    private static final int FALSE = 20;
    private static final int NULL = 22;
    private static final int FLOAT64 = 27;

    private final CborHead head;
    private final Limits.Counter counter = new Limits.Counter();

    private Cbor(byte[] bytes) {
        head = new CborHead(bytes);
    }

    /** Exactly one map by the rules and limits of the specification, or nothing. */
    static Optional<Map<String, Object>> object(byte[] bytes) {
        try {
            Cbor scan = new Cbor(bytes);
            scan.message();
            CborHead.require(scan.head.atEnd());
            Map<String, Object> object = map(CBORObject.DecodeFromBytes(bytes, OPTIONS));
            return Limits.admits(object) ? Optional.of(object) : Optional.empty();
        } catch (CborHead.Bad | CBORException e) {
            return Optional.empty();
        }
    }

    private void message() {
        head.next();
        CborHead.require(head.major == CborHead.MAP && head.shortest);
        members(1, key -> {
            if (key.equals("bat")) {
                batch();
            } else {
                value(2, key.equals("dat") || !ClaimNames.SESSION.contains(key), true);
            }
        });
    }

    /** Inside the data of an item the relaxations hold, around it they do not. */
    private void batch() {
        head.next();
        CborHead.require(head.major == CborHead.ARRAY && head.shortest && counter.admits(2, 0));
        for (long items = head.argument; items != 0; items--) {
            head.next();
            CborHead.require(head.major == CborHead.ARRAY && head.shortest && counter.admits(3, 0));
            long length = head.argument;
            CborHead.require(length == 3 || length == 4);
            for (int index = 0; index < length; index++) {
                value(4, index == 2, index == 2);
            }
        }
    }

    private interface Member {
        void read(String key);
    }

    private void members(int depth, Member member) {
        long size = head.argument;
        CborHead.require(counter.admits(depth, size < 0 || size > Limits.MEMBERS ? Integer.MAX_VALUE : (int) size));
        Set<String> keys = new HashSet<>();
        for (long i = 0; i < size; i++) {
            head.next();
            CborHead.require(head.major == CborHead.TEXT);
            String key = text();
            CborHead.require(keys.add(key));
            member.read(key);
        }
    }

    private String text() {
        CborHead.require(head.shortest);
        return Bytes.fromUtf8(head.string()).orElseThrow(CborHead.Bad::new);
    }

    /** One value; whole says that it is the whole of a place where bytes may stand. */
    private void value(int depth, boolean relaxed, boolean whole) {
        head.next();
        CborHead.require(head.shortest || relaxed && head.major == CborHead.MAP);
        switch (head.major) {
            case CborHead.UINT ->
                CborHead.require(head.argument >= 0 && head.argument <= Num.MAX_SAFE && counter.admits(1, 0));
            case CborHead.NINT ->
                CborHead.require(head.argument >= 0 && head.argument < Num.MAX_SAFE && counter.admits(1, 0));
            case CborHead.BYTES -> {
                CborHead.require(whole && counter.admits(1, 0));
                head.string();
            }
            case CborHead.TEXT -> {
                CborHead.require(counter.admits(1, 0));
                text();
            }
            case CborHead.ARRAY -> {
                CborHead.require(counter.admits(depth, 0));
                for (long rest = head.argument; rest != 0; rest--) {
                    value(depth + 1, relaxed, false);
                }
            }
            case CborHead.MAP -> members(depth, key -> value(depth + 1, relaxed, false));
            case CborHead.SIMPLE -> {
                boolean finite = head.info == FLOAT64 && Double.isFinite(Double.longBitsToDouble(head.argument));
                CborHead.require((finite || head.info >= FALSE && head.info <= NULL) && counter.admits(1, 0));
            }
            default -> throw new CborHead.Bad();
        }
    }

    private static Map<String, Object> map(CBORObject object) {
        Map<String, Object> map = new LinkedHashMap<>();
        object.getEntries().forEach(member -> map.put(member.getKey().AsString(), value(member.getValue())));
        return map;
    }

    private static Object value(CBORObject object) {
        return switch (object.getType()) {
            case Map -> map(object);
            case Array -> {
                List<Object> list = new ArrayList<>();
                object.getValues().forEach(element -> list.add(value(element)));
                yield list;
            }
            case TextString -> object.AsString();
            case ByteString -> object.GetByteString();
            case Integer -> Num.of(object.AsInt64Value());
            case FloatingPoint -> new Num(object.AsDoubleValue(), false);
            default -> object.isNull() ? null : (Object) object.AsBoolean();
        };
    }

    static byte[] write(Map<String, Object> claims) {
        return cbor(claims).EncodeToBytes(OPTIONS);
    }

    private static CBORObject cbor(Object value) {
        if (value instanceof Map<?, ?> map) {
            CBORObject object = CBORObject.NewOrderedMap();
            map.forEach((key, member) -> object.Add(CBORObject.FromObject((String) key), cbor(member)));
            return object;
        }
        if (value instanceof List<?> list) {
            CBORObject array = CBORObject.NewArray();
            list.forEach(element -> array.Add(cbor(element)));
            return array;
        }
        if (value instanceof String text) {
            return CBORObject.FromObject(text);
        }
        if (value instanceof byte[] bytes) {
            return CBORObject.FromObject(bytes);
        }
        if (value instanceof Num number) {
            return number.isSafe()
                    ? CBORObject.FromObject((long) number.value())
                    : CBORObject.FromObject(number.value());
        }
        return value == null ? CBORObject.Null : CBORObject.FromObject((boolean) (Boolean) value);
    }
}
