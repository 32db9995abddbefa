package sealwire;

import java.util.Optional;

/** One WebSocket message; bytes are those of the text where it is one. */
record Message(Optional<String> text, byte[] bytes) {
    static Message of(String text) {
        return new Message(Optional.of(text), Bytes.utf8(text));
    }

    static Message of(byte[] binary) {
        return new Message(Optional.empty(), binary);
    }

    int size() {
        return bytes.length;
    }

    /** Step frame: the opcode is that of the wire. */
    void require(Wire wire) {
        if (text.isPresent() != (wire == Wire.TEXT)) {
            throw new Refused("E_FRAME", "frame");
        }
    }

    enum Wire {
        TEXT,
        BINARY
    }
}
