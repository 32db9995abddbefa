package sealwire;

import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.Optional;

/**
 * One object on a wire.
 *
 * @param form 0 to 4 as in envelope.md, section 3.2
 * @param h    of forms 3 and 4
 * @param seq  of form 3
 * @param parts the byte strings of the form, in order
 */
record Frame(int form, long h, long seq, List<byte[]> parts) {
    static final int BARE = 0;
    static final int JWS = 1;
    static final int JWE = 2;
    static final int SEALED = 3;
    static final int SIGNED = 4;

    private static final List<List<String>> NAMES = List.of(
            List.of("json"),
            List.of("protected", "payload", "signature"),
            List.of("protected", "key", "iv", "ciphertext", "tag"),
            List.of("data"),
            List.of("payload", "signature"));

    /** The names of the byte strings of a form. */
    static List<String> names(int form) {
        return NAMES.get(form);
    }

    byte[] part(String name) {
        return parts.get(names(form).indexOf(name));
    }

    static Frame bare(byte[] json) {
        return new Frame(BARE, 0, 0, List.of(json));
    }

    static Frame jws(byte[] header, byte[] payload, byte[] signature) {
        return new Frame(JWS, 0, 0, List.of(header, payload, signature));
    }

    static Frame jwe(byte[] header, byte[] iv, byte[] ciphertext, byte[] tag) {
        return new Frame(JWE, 0, 0, List.of(header, new byte[0], iv, ciphertext, tag));
    }

    /** Steps frame and encoding: size, then the form of the wire that the message came on. */
    static Frame decode(Message message, int maxBytes) {
        if (message.size() > maxBytes) {
            throw new Refused("E_TOO_BIG", "frame");
        }
        return message.text().map(text -> fromText(text, "encoding")).orElseGet(() -> fromBinary(message.bytes()));
    }

    /** A text message; step is the one that a fault belongs to. */
    static Frame fromText(String text, String step) {
        if (text.startsWith("{")) {
            return bare(Bytes.utf8(text));
        }
        String[] segments = text.split("\\.", -1);
        boolean malformed = segments.length != 3 && segments.length != 5
                || segments[0].isEmpty()
                || segments.length == 5 && !segments[1].isEmpty();
        if (malformed) {
            throw new Refused("E_MALFORMED", step);
        }
        byte[][] parts = new byte[segments.length][];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = Bytes.fromB64u(segments[i]).orElseThrow(() -> new Refused("E_B64", step));
        }
        return new Frame(parts.length == 3 ? JWS : JWE, 0, 0, List.of(parts));
    }

    private static Frame fromBinary(byte[] bytes) {
        try {
            CborHead head = new CborHead(bytes);
            head.next();
            CborHead.require(head.major == CborHead.ARRAY && head.shortest);
            long length = head.argument;
            int form = (int) index(head, SIGNED);
            long h = form >= SEALED ? index(head, Num.MAX_SAFE) : 0;
            long seq = form == SEALED ? index(head, Num.MAX_SAFE) : 0;
            byte[][] parts = new byte[names(form).size()][];
            for (int i = 0; i < parts.length; i++) {
                head.next();
                CborHead.require(head.major == CborHead.BYTES && head.shortest);
                parts[i] = head.string();
            }
            int indexes = form == SEALED ? 3 : form == SIGNED ? 2 : 1;
            CborHead.require(length == indexes + parts.length && head.atEnd() && (form != JWE || parts[1].length == 0));
            return new Frame(form, h, seq, List.of(parts));
        } catch (CborHead.Bad e) {
            throw new Refused("E_CBOR", "encoding");
        }
    }

    private static long index(CborHead head, long max) {
        head.next();
        CborHead.require(head.major == CborHead.UINT && head.shortest && head.argument >= 0 && head.argument <= max);
        return head.argument;
    }

    byte[] toBinary() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        CborHead.write(out, CborHead.ARRAY, (form == SEALED ? 3 : form == SIGNED ? 2 : 1) + parts.size());
        CborHead.write(out, CborHead.UINT, form);
        if (form >= SEALED) {
            CborHead.write(out, CborHead.UINT, h);
        }
        if (form == SEALED) {
            CborHead.write(out, CborHead.UINT, seq);
        }
        for (byte[] part : parts) {
            CborHead.write(out, CborHead.BYTES, part.length);
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    /** The text of forms 0, 1 and 2, which stand on both wires. */
    String toText() {
        if (form == BARE) {
            return Bytes.fromUtf8(parts.get(0)).orElseThrow(Refused::typeError);
        }
        return String.join(".", parts.stream().map(Bytes::b64u).toList());
    }

    /** Forms 3 and 4 with the header and IV that they leave out, others as they are; empty without room for a tag. */
    Optional<Frame> full(byte[] header, byte[] staticIv) {
        if (form == SIGNED) {
            return Optional.of(jws(header, part("payload"), part("signature")));
        }
        if (form != SEALED) {
            return Optional.of(this);
        }
        byte[] data = part("data");
        int tag = data.length - 16;
        return tag < 0
                ? Optional.empty()
                : Optional.of(jwe(
                        header,
                        Bytes.nonce(staticIv, seq),
                        Bytes.slice(data, 0, tag),
                        Bytes.slice(data, tag, data.length)));
    }
}
