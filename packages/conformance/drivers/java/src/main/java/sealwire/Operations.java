package sealwire;

import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The operations of test-vectors/README.md, section 3, up to L1. */
final class Operations {
    private static final Map<String, Function<Input, Map<String, Object>>> TABLE = new LinkedHashMap<>();

    static {
        TABLE.put("frame.decode", Operations::frameDecode);
        TABLE.put("frame.encode", Operations::frameEncode);
        TABLE.put("frame.expand", Operations::frameExpand);
        TABLE.put("jose.verify", in -> jose(in, "payload", Jose.verify(in.text("text"), in.object("key"))));
        TABLE.put("jose.decrypt", in -> jose(in, "plaintext", Jose.decrypt(in.text("text"), in.object("key"))));
        TABLE.put("key.check", Operations::keyCheck);
        TABLE.put("claims.read", Operations::claimsRead);
        TABLE.put("claims.write", in -> Map.of("bytes", Bytes.hex(claimsWrite(in))));
        TABLE.put("message.open", in -> Opener.of(in).open(in.message()));
        TABLE.put("message.seal", Operations::messageSeal);
        TABLE.put("message.accumulate", Operations::accumulate);
        TABLE.put("evidence.verify", in -> new Evidence(in).verify());
        TABLE.put("standalone.open", in -> new EnvelopeOpener(in).open(in.message()));
        TABLE.put("standalone.seal", in -> message(Envelope.seal(in)));
        TABLE.put("replay.window", Operations::replayWindow);
        TABLE.put(
                "replay.key",
                in -> Map.of("key", ReplayStore.key(in.text("receiver"), in.text("iss"), in.text("jti"))));
        TABLE.put("replay.store", Operations::replayStore);
        TABLE.put("error.info", in -> Registry.info(in.text("code")));
    }

    static final Set<String> NAMES = TABLE.keySet();

    private Operations() {}

    static Map<String, Object> run(String op, Input in) {
        Map<String, Object> result = new LinkedHashMap<>();
        try {
            Map<String, Object> values = TABLE.get(op).apply(in);
            result.put("ok", true);
            result.putAll(values);
        } catch (Refused e) {
            result.put("ok", false);
            result.put("error", e.code);
            result.put("step", e.step);
            result.put("fatal", isFatal(op, in, e));
        }
        return result;
    }

    private static boolean isFatal(String op, Input in, Refused refused) {
        boolean standalone =
                op.startsWith("standalone.") || op.equals("evidence.verify") || "standalone".equals(in.get("kind"));
        boolean dropped = in.has("order")
                && (Set.of("header", "sequence", "crypto").contains(refused.step)
                        || refused.step.equals("claims") && List.of("E_REPLAY", "E_BINDING").contains(refused.code));
        return !refused.code.equals("TypeError") && !standalone && !dropped && Registry.isFatal(refused.code);
    }

    private static Map<String, Object> message(Message message) {
        return Map.of(
                "message",
                message.text().isPresent()
                        ? Map.of("text", message.text().get())
                        : Map.of("binary", Bytes.hex(message.bytes())));
    }

    private static Map<String, Object> frameDecode(Input in) {
        Message message = in.message();
        message.require(in.wire());
        Frame frame = Frame.decode(message, (int) in.number("maxBytes", Limits.MESSAGE_BYTES));
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("form", frame.form());
        if (frame.form() >= Frame.SEALED) {
            result.put("h", frame.h());
        }
        if (frame.form() == Frame.SEALED) {
            result.put("seq", frame.seq());
        }
        Frame.names(frame.form()).forEach(name -> result.put(name, Bytes.hex(frame.part(name))));
        return result;
    }

    private static Map<String, Object> frameEncode(Input in) {
        int form = (int) in.number("form");
        List<byte[]> parts = Frame.names(form).stream()
                .map(name -> Bytes.fromHex(in.text(name, "")))
                .toList();
        Frame frame = new Frame(form, in.number("h", 0), in.number("seq", 0), parts);
        if (in.wire() == Message.Wire.BINARY) {
            return message(Message.of(frame.toBinary()));
        }
        if (form >= Frame.SEALED) {
            throw Refused.typeError();
        }
        return message(Message.of(frame.toText()));
    }

    private static Map<String, Object> frameExpand(Input in) {
        Frame frame = Frame.decode(in.message(), Limits.MESSAGE_BYTES);
        Optional<String> header = Optional.ofNullable(in.in("headers").text(Long.toString(frame.h())));
        if (frame.form() >= Frame.SEALED && header.isEmpty()) {
            throw Refused.typeError();
        }
        return Map.of(
                "text",
                frame.full(Bytes.utf8(header.orElse("")), in.bytes("staticIv"))
                        .orElseThrow(Refused::typeError)
                        .toText());
    }

    private static Map<String, Object> jose(Input in, String name, Optional<byte[]> content) {
        byte[] bytes = content.orElseThrow(() -> new Refused("E_CRYPTO", "crypto"));
        String header = in.text("text").split("\\.")[0];
        return Map.of("header", Bytes.fromB64u(header).flatMap(Bytes::fromUtf8).orElseThrow(), name, Bytes.hex(bytes));
    }

    private static Map<String, Object> keyCheck(Input in) {
        PublicKey.Use use = PublicKey.Use.valueOf(in.text("use").toUpperCase());
        PublicKey key = PublicKey.of(in.object("jwk"), use).orElseThrow(() -> new Refused("E_KEY", "claims"));
        return use == PublicKey.Use.SIGN ? Map.of("thumbprint", key.thumbprint()) : Map.of();
    }

    private static Map<String, Object> claimsRead(Input in) {
        byte[] bytes = in.bytes("bytes");
        return switch (in.text("kind")) {
            case "application" -> Claims.read(bytes, in.codec(), in.level()).result();
            case "control" -> Control.read(bytes).result();
            default ->
                EnvelopeClaims.read(bytes, Boolean.TRUE.equals(in.get("encrypted")))
                        .result();
        };
    }

    private static byte[] claimsWrite(Input in) {
        return switch (in.text("kind")) {
            case "application" -> {
                Map<String, String> session = new LinkedHashMap<>();
                List.of("iss", "aud", "bnd").stream().filter(in::has).forEach(name -> session.put(name, in.text(name)));
                yield ClaimsWriter.application(in, in.level(), in.codec(), session);
            }
            case "control" -> ClaimsWriter.control(in.number("seq"), in);
            default -> ClaimsWriter.envelope(in, false);
        };
    }

    private static Map<String, Object> messageSeal(Input in) {
        Sealer sealer = Sealer.of(in);
        return message(in.has("control") ? sealer.control(in.number("seq"), in.in("control")) : sealer.application(in));
    }

    private static Map<String, Object> accumulate(Input in) {
        Sealer sealer = Sealer.of(in);
        PublicKey peerKey = Opener.signerKey(in);
        long clock = in.number("clock");
        MessageDigest digest = Bytes.sha256();
        for (long i = 1; i <= in.number("count"); i++) {
            Map<String, Object> data = new LinkedHashMap<>();
            data.put("i", Num.of(i));
            data.put("x", Bytes.hex(Bytes.sha256(Bytes.utf8(in.text("seed") + i))));
            Map<String, Object> claims = new LinkedHashMap<>();
            claims.put("seq", Num.of(i));
            if (in.level().isSigned()) {
                claims.put("iat", Num.of(clock));
            }
            claims.put("exp", Num.of(clock + 60));
            claims.put("top", "acc");
            claims.put("data", data);
            Message message = sealer.application(new Input(claims));
            new Opener(sealer.session(), peerKey, new Order.Strict(i - 1), 0, 0, clock).open(message);
            digest.update(message.bytes());
        }
        return Map.of("digest", Bytes.hex(digest.digest()));
    }

    private static Map<String, Object> replayWindow(Input in) {
        Order.Window window = new Order.Window(in.number("size"));
        return Map.of(
                "verdicts",
                in.list("seqs").stream()
                        .map(number -> {
                            long seq = (long) ((Num) number).value();
                            Optional<String> verdict = window.check(seq);
                            if (verdict.isEmpty()) {
                                window.commit(seq);
                            }
                            return verdict.orElse("ok");
                        })
                        .collect(Collectors.toList()));
    }

    private static Map<String, Object> replayStore(Input in) {
        Optional<Long> startedAt = in.has("startedAt") ? Optional.of(in.number("startedAt")) : Optional.empty();
        ReplayStore store = new ReplayStore(in.number("capacity"), in.number("skew"), startedAt);
        return Map.of(
                "verdicts",
                in.inputs("steps").stream()
                        .map(step -> store.insert(
                                        step.number("now"),
                                        step.text("receiver"),
                                        step.text("iss"),
                                        step.text("jti"),
                                        step.number("iat"),
                                        step.number("exp"))
                                .orElse("ok"))
                        .collect(Collectors.toList()));
    }
}
