package sealwire;

import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Error codes and close codes as specs/registry has them. */
final class Registry {
    private static final Map<String, Map<?, ?>> ERRORS = index("errors.json", "errors", "code");
    private static final List<Map<?, ?>> CLOSE_CODES = list("close-codes.json", "closeCodes");

    private Registry() {}

    /** The coarse names. */
    static Set<String> names() {
        Set<String> names = new TreeSet<>();
        CLOSE_CODES.forEach(entry -> names.add((String) entry.get("name")));
        return names;
    }

    static boolean isFatal(String code) {
        return Boolean.TRUE.equals(error(code).get("fatal"));
    }

    /** What a code means for the connection. */
    static Map<String, Object> info(String code) {
        Map<?, ?> error = error(code);
        Object close = error.get("close");
        Optional<Object> name = CLOSE_CODES.stream()
                .filter(entry -> entry.get("code").equals(close))
                .findFirst()
                .map(entry -> entry.get("name"));
        Map<String, Object> info = new LinkedHashMap<>();
        info.put("steps", error.get("steps"));
        info.put("fatal", error.get("fatal"));
        info.put("close", close);
        info.put("name", name.orElse(null));
        return info;
    }

    private static Map<?, ?> error(String code) {
        return Optional.ofNullable(ERRORS.get(code)).orElseThrow(Refused::typeError);
    }

    private static Map<String, Map<?, ?>> index(String file, String member, String key) {
        Map<String, Map<?, ?>> map = new LinkedHashMap<>();
        list(file, member).forEach(entry -> map.put((String) entry.get(key), entry));
        return map;
    }

    private static List<Map<?, ?>> list(String file, String member) {
        try (InputStream in = Registry.class.getResourceAsStream("/" + file)) {
            List<?> entries =
                    (List<?>) Json.object(in.readAllBytes()).orElseThrow().get(member);
            return entries.stream().<Map<?, ?>>map(entry -> (Map<?, ?>) entry).toList();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
