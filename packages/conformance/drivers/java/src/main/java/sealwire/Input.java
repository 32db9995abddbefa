package sealwire;

import java.util.List;
import java.util.Map;

/** The input of an operation. It is complete and well formed, so that a member that is asked for is there. */
record Input(Map<String, Object> map) {
    boolean has(String name) {
        return map.containsKey(name);
    }

    Object get(String name) {
        return map.get(name);
    }

    String text(String name) {
        return (String) map.get(name);
    }

    String text(String name, String otherwise) {
        return has(name) ? text(name) : otherwise;
    }

    byte[] bytes(String name) {
        return Bytes.fromHex(text(name));
    }

    long number(String name) {
        return (long) ((Num) map.get(name)).value();
    }

    long number(String name, long otherwise) {
        return has(name) ? number(name) : otherwise;
    }

    List<?> list(String name) {
        return has(name) ? (List<?>) map.get(name) : List.of();
    }

    Map<?, ?> object(String name) {
        return (Map<?, ?>) map.get(name);
    }

    Input in(String name) {
        return of(map.get(name));
    }

    List<Input> inputs(String name) {
        return list(name).stream().map(Input::of).toList();
    }

    private static Input of(Object object) {
        return new Input(Tree.members(object));
    }

    Message message() {
        Input message = in("message");
        return message.has("text") ? Message.of(message.text("text")) : Message.of(message.bytes("binary"));
    }

    Message.Wire wire() {
        return Message.Wire.valueOf(text("wire").toUpperCase());
    }

    Level level() {
        return Level.valueOf(text("level").toUpperCase());
    }

    Codec codec() {
        return Codec.valueOf(text("codec").toUpperCase());
    }

    /** Data of an application; {"$bytes"} stands for bytes. */
    Object data() {
        return data("data");
    }

    Object data(String name) {
        return Tree.replace(map.get(name), Input::bytes);
    }

    private static Object bytes(Object value) {
        boolean bytes = value instanceof Map<?, ?> map && map.size() == 1 && map.get("$bytes") instanceof String;
        return bytes ? Bytes.fromHex((String) ((Map<?, ?>) value).get("$bytes")) : value;
    }
}
