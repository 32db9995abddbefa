package sealwire;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Trees of values. */
final class Tree {
    private Tree() {}

    /** The tree with every value replaced, from the root down. */
    static Object replace(Object value, UnaryOperator<Object> replacement) {
        Object replaced = replacement.apply(value);
        if (replaced instanceof Map<?, ?> map) {
            Map<String, Object> members = members(map);
            members.replaceAll((name, member) -> replace(member, replacement));
            return members;
        }
        if (replaced instanceof List<?> list) {
            List<Object> elements = new ArrayList<>(list);
            elements.replaceAll(element -> replace(element, replacement));
            return elements;
        }
        return replaced;
    }

    static Map<String, Object> members(Object object) {
        Map<String, Object> members = new LinkedHashMap<>();
        ((Map<?, ?>) object).forEach((name, value) -> members.put((String) name, value));
        return members;
    }
}
