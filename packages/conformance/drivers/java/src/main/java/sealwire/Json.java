package sealwire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** JSON by conventions.md, section 4. Values are Map, List, String, {@link Num}, Boolean and null. */
final class Json {
    private static final Pattern INTEGER = Pattern.compile("0|[1-9][0-9]{0,15}");
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNumberLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNameLength(Integer.MAX_VALUE)
                    .build())
            .build();

    private final JsonParser parser;

    private Json(JsonParser parser) {
        this.parser = parser;
    }

    /** Exactly one object by the rules and limits of the specification, or nothing. */
    static Optional<Map<String, Object>> object(byte[] utf8) {
        return Bytes.fromUtf8(utf8).flatMap(Json::object);
    }

    private static Optional<Map<String, Object>> object(String text) {
        if (text.startsWith("\uFEFF")) {
            return Optional.empty();
        }
        try (JsonParser parser = FACTORY.createParser(text)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return Optional.empty();
            }
            Map<String, Object> object = new Json(parser).members(1);
            return parser.nextToken() == null && Limits.admits(object) ? Optional.of(object) : Optional.empty();
        } catch (IOException | Fault e) {
            return Optional.empty();
        }
    }

    private Object value(int depth) throws IOException {
        return switch (parser.currentToken()) {
            case START_OBJECT -> members(depth);
            case START_ARRAY -> elements(depth);
            case VALUE_STRING -> scalar(parser.getText());
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> number(parser.getText());
            case VALUE_TRUE -> Boolean.TRUE;
            case VALUE_FALSE -> Boolean.FALSE;
            case VALUE_NULL -> null;
            default -> throw new Fault();
        };
    }

    private Map<String, Object> members(int depth) throws IOException {
        require(depth <= Limits.DEPTH);
        Map<String, Object> map = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = scalar(parser.currentName());
            require(!map.containsKey(name));
            parser.nextToken();
            map.put(name, value(depth + 1));
        }
        return map;
    }

    private List<Object> elements(int depth) throws IOException {
        require(depth <= Limits.DEPTH);
        List<Object> list = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            list.add(value(depth + 1));
        }
        return list;
    }

    private static String scalar(String text) {
        require(Bytes.isScalar(text));
        return text;
    }

    private static Num number(String text) {
        double value = Double.parseDouble(text);
        require(!Double.isInfinite(value));
        return new Num(value, INTEGER.matcher(text).matches() && Long.parseLong(text) <= Num.MAX_SAFE);
    }

    private static void require(boolean condition) {
        if (!condition) {
            throw new Fault();
        }
    }

    /** Breaks a rule of the specification that is not one of JSON itself. */
    private static final class Fault extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Fault() {
            super(null, null, false, false);
        }
    }

    /** As JSON.stringify of ECMA-262 writes it, without white space. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof Map<?, ?> map) {
            String separator = "{";
            for (Map.Entry<?, ?> member : map.entrySet()) {
                out.append(separator);
                writeString((String) member.getKey(), out);
                out.append(':');
                write(member.getValue(), out);
                separator = ",";
            }
            out.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof List<?> list) {
            String separator = "[";
            for (Object element : list) {
                out.append(separator);
                write(element, out);
                separator = ",";
            }
            out.append(list.isEmpty() ? "[]" : "]");
        } else if (value instanceof String text) {
            writeString(text, out);
        } else if (value instanceof Num number) {
            out.append(number.text());
        } else {
            out.append(value);
        }
    }

    private static void writeString(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < 0x20) {
                        out.append(String.format("\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }
}
