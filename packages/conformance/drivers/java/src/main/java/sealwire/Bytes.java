package sealwire;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;

/** Bytes: hex, base64url, UTF-8, SHA-256 and the notation of conventions.md, section 2. */
final class Bytes {
    private static final HexFormat HEX = HexFormat.of();
    private static final String ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();

    private Bytes() {}

    static String hex(byte[] bytes) {
        return HEX.formatHex(bytes);
    }

    static byte[] fromHex(String hex) {
        return HEX.parseHex(hex);
    }

    static String b64u(byte[] bytes) {
        return ENCODER.encodeToString(bytes);
    }

    static String b64u(String text) {
        return b64u(utf8(text));
    }

    /** Decodes canonical base64url; else empty. What was decoded is encoded and compared: no second spelling left. */
    static Optional<byte[]> fromB64u(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (ALPHABET.indexOf(text.charAt(i)) < 0) {
                return Optional.empty();
            }
        }
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            return b64u(bytes).equals(text) ? Optional.of(bytes) : Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** The same for a value of known length. */
    static Optional<byte[]> fromB64u(String text, int length) {
        return fromB64u(text).filter(bytes -> bytes.length == length);
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Decodes strictly; what is not UTF-8 is empty. */
    static Optional<String> fromUtf8(byte[] bytes) {
        try {
            return Optional.of(StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString());
        } catch (CharacterCodingException e) {
            return Optional.empty();
        }
    }

    /** Whether every surrogate of the string is one of a pair. */
    static boolean isScalar(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isSurrogate(c)) {
                return false;
            }
        }
        return true;
    }

    static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    static byte[] slice(byte[] bytes, int from, int to) {
        return Arrays.copyOfRange(bytes, from, to);
    }

    /** lp(x): the length of x in four bytes, then x. */
    static byte[] lp(byte[] bytes) {
        return concat(uint32(bytes.length), bytes);
    }

    static byte[] uint32(int number) {
        return ByteBuffer.allocate(4).putInt(number).array();
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] sha256(byte[] bytes) {
        return sha256().digest(bytes);
    }

    /** nonce = static_iv XOR (0x00000000 || uint64_be(seq)). */
    static byte[] nonce(byte[] staticIv, long seq) {
        byte[] nonce = ByteBuffer.allocate(12).putInt(0).putLong(seq).array();
        for (int i = 0; i < 12; i++) {
            nonce[i] ^= staticIv[i];
        }
        return nonce;
    }
}
