package sealwire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Opens messages of a session, steps frame to time: envelope.md, section 9.
 *
 * @param peerKey the signer's key at levels with signature
 * @param sent own last sequence number
 * @param rcv the least rcv that a control message may carry; 0 in window order, where they are not compared
 */
record Opener(Session session, PublicKey peerKey, Order order, long sent, long rcv, long now) {
    static Opener of(Input in) {
        boolean window = in.has("order");
        Order order = window ? window(in) : new Order.Strict(in.number("last"));
        return new Opener(
                Session.toOpen(in),
                signerKey(in),
                order,
                in.number("sent"),
                window ? 0 : in.number("rcv"),
                in.number("now"));
    }

    static PublicKey signerKey(Input in) {
        return in.level().isSigned()
                ? PublicKey.of(in.object("peerKey"), PublicKey.Use.SIGN).orElseThrow(Refused::typeError)
                : null;
    }

    private static Order window(Input in) {
        Order.Window window = new Order.Window(in.number("window"));
        in.list("committed").forEach(seq -> window.commit((long) ((Num) seq).value()));
        return window;
    }

    Map<String, Object> open(Message message) {
        message.require(session.wire());
        Frame frame = Frame.decode(message, Limits.MESSAGE_BYTES);
        boolean control = isControl(frame);
        String header = control ? Headers.control(session.kid()) : session.header(peerKey);
        if (!control && !session.level().isEncrypted()) {
            String compact =
                    frame.full(Bytes.utf8(header), session.iv()).orElseThrow().toText();
            Map<?, ?> key = session.level() == Level.MAC ? Jose.oct(session.mac()) : peerKey.jwk();
            byte[] payload = Jose.verify(compact, key).orElseThrow(() -> new Refused("E_CRYPTO", "crypto"));
            return application(payload, session.level() == Level.SIG ? compact : null, null);
        }
        long seq = sequence(frame);
        order.check(seq).ifPresent(code -> {
            throw new Refused(code, "sequence");
        });
        byte[] plaintext = frame.full(Bytes.utf8(header), session.iv())
                .filter(jwe -> jwe.part("tag").length == 16)
                .flatMap(jwe -> Jose.decrypt(jwe.toText(), Jose.oct(session.key())))
                .orElseThrow(() -> new Refused("E_CRYPTO", "crypto"));
        if (control) {
            return control(plaintext, seq);
        }
        if (session.level() == Level.AEAD) {
            return application(plaintext, null, seq);
        }
        Frame jws = inner(plaintext);
        if (!Arrays.equals(jws.part("protected"), Bytes.utf8(Headers.signed(peerKey, session.codec())))) {
            throw new Refused("E_CRYPTO", "inner");
        }
        byte[] payload = Jose.verify(jws.toText(), peerKey.jwk()).orElseThrow(() -> new Refused("E_CRYPTO", "inner"));
        return application(payload, jws.toText(), seq);
    }

    /** A plaintext that has to be a compact JWS. A byte outside ASCII is a character outside the alphabet. */
    static Frame inner(byte[] plaintext) {
        String text = new String(plaintext, StandardCharsets.ISO_8859_1);
        if (text.startsWith("{") || text.split("\\.", -1).length != 3) {
            throw new Refused("E_MALFORMED", "inner");
        }
        return Frame.fromText(text, "inner");
    }

    /** Step header: which of the two entries of the receive table it is. */
    private boolean isControl(Frame frame) {
        boolean encrypted = session.level().isEncrypted();
        if (session.wire() == Message.Wire.BINARY) {
            boolean control = frame.form() == Frame.SEALED && frame.h() == 1;
            if (control || frame.form() == (encrypted ? Frame.SEALED : Frame.SIGNED) && frame.h() == 0) {
                return control;
            }
        } else if (frame.form() == Frame.JWS || frame.form() == Frame.JWE) {
            byte[] header = frame.part("protected");
            boolean control =
                    frame.form() == Frame.JWE && Arrays.equals(header, Bytes.utf8(Headers.control(session.kid())));
            boolean form = frame.form() == (encrypted ? Frame.JWE : Frame.JWS);
            if (control || form && Arrays.equals(header, Bytes.utf8(session.header(peerKey)))) {
                return control;
            }
        }
        throw new Refused("E_HEADER", "header");
    }

    /** The sequence number that an encrypted message shows outside. */
    private long sequence(Frame frame) {
        if (frame.form() == Frame.SEALED) {
            return frame.seq();
        }
        byte[] iv = frame.part("iv");
        if (iv.length == 12) {
            long seq = ByteBuffer.wrap(iv).getLong(4)
                    ^ ByteBuffer.wrap(session.iv()).getLong(4);
            if (seq >= 0 && seq <= Num.MAX_SAFE && Arrays.equals(iv, Bytes.nonce(session.iv(), seq))) {
                return seq;
            }
        }
        throw new Refused("E_IV", "sequence");
    }

    /** Steps claims and time; jws is null without signature, seq where the claims alone hold it. */
    private Map<String, Object> application(byte[] bytes, String jws, Long seq) {
        Claims claims = Claims.read(bytes, session.codec(), session.level());
        if (session.level().isSigned()) {
            require(claims.iss().equals(session.iss()), "E_KEY");
            require(claims.aud().equals(session.aud()) && claims.bnd().equals(session.kid()), "E_BINDING");
        }
        if (seq == null) {
            order.check(claims.seq()).ifPresent(code -> require(false, code));
        } else {
            require(claims.seq() == seq, "E_SEQ");
        }
        require(claims.refs().allMatch(ref -> ref.seq() <= sent), "E_CLAIMS");
        commit(claims.seq());
        Life.check(claims.iat(), claims.exp(), now, Limits.SKEW, Limits.TTL_MAX);
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("kind", "message");
        result.putAll(claims.result());
        if (jws != null) {
            result.put("jws", jws);
        }
        return result;
    }

    private Map<String, Object> control(byte[] bytes, long seq) {
        Control claims = Control.read(bytes);
        // resumed is the first message of a connection, and this one is not.
        require(claims.seq() == seq && !claims.top().equals("resumed"), "E_SEQ");
        require(claims.ref().stream().allMatch(ref -> ref.seq() <= sent), "E_CLAIMS");
        require(claims.rcv().stream().allMatch(number -> number <= sent && number >= rcv), "E_SEQ");
        commit(seq);
        if (claims.top().equals("bye") && seq < order.top()) {
            throw new Refused("E_STATE", "commit");
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("kind", "control");
        result.putAll(claims.result());
        return result;
    }

    /** What step commit refuses of a message alone. */
    private static void commit(long seq) {
        if (seq > Limits.KEY_MESSAGES) {
            throw new Refused("E_KEY_LIMIT", "commit");
        }
    }

    private static void require(boolean condition, String code) {
        if (!condition) {
            throw new Refused(code, "claims");
        }
    }
}
