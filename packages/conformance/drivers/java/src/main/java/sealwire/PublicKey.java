package sealwire;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A public key that passed the checks of conventions.md, section 5.
 *
 * @param y null for OKP keys
 */
record PublicKey(String kty, String crv, String x, String y) {
    private static final BigInteger P =
            new BigInteger("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16);
    private static final BigInteger B =
            new BigInteger("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b", 16);
    private static final BigInteger THREE = BigInteger.valueOf(3);
    private static final BigInteger ED25519_P = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));
    private static final List<String> SMALL_ORDER_ED25519 = List.of(
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
    private static final List<String> SMALL_ORDER_X25519 = List.of(
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");

    enum Use {
        SIGN,
        AGREE
    }

    /** The key of a JWK for this use, or nothing where a check fails. Members beside those of the point are ignored. */
    static Optional<PublicKey> of(Map<?, ?> jwk, Use use) {
        if ("EC".equals(jwk.get("kty")) && "P-256".equals(jwk.get("crv"))) {
            return coordinate(jwk.get("x"))
                    .flatMap(x -> coordinate(jwk.get("y")).filter(y -> isOnCurve(x, y)))
                    .map(y -> new PublicKey("EC", "P-256", (String) jwk.get("x"), (String) jwk.get("y")));
        }
        String curve = use == Use.SIGN ? "Ed25519" : "X25519";
        if (!"OKP".equals(jwk.get("kty")) || !curve.equals(jwk.get("crv"))) {
            return Optional.empty();
        }
        return coordinate(jwk.get("x"))
                .filter(x -> use == Use.SIGN ? isEd25519(clear(x)) : !SMALL_ORDER_X25519.contains(Bytes.hex(clear(x))))
                .map(x -> new PublicKey("OKP", curve, (String) jwk.get("x"), null));
    }

    /** The importer's check: the same with the algorithm of the key type in alg, or a TypeError. */
    static PublicKey configured(Map<?, ?> jwk, Use use) {
        return of(jwk, use)
                .filter(key -> (use == Use.AGREE ? "ECDH-ES" : key.algorithm()).equals(jwk.get("alg")))
                .orElseThrow(Refused::typeError);
    }

    private static Optional<byte[]> coordinate(Object member) {
        return member instanceof String text ? Bytes.fromB64u(text, 32) : Optional.empty();
    }

    private static boolean isOnCurve(byte[] xBytes, byte[] yBytes) {
        BigInteger x = new BigInteger(1, xBytes);
        BigInteger y = new BigInteger(1, yBytes);
        BigInteger right = x.modPow(THREE, P).subtract(x.multiply(THREE)).add(B).mod(P);
        return x.compareTo(P) < 0 && y.compareTo(P) < 0 && y.multiply(y).mod(P).equals(right);
    }

    private static boolean isEd25519(byte[] y) {
        byte[] reversed = new byte[y.length];
        for (int i = 0; i < y.length; i++) {
            reversed[i] = y[y.length - 1 - i];
        }
        return new BigInteger(1, reversed).compareTo(ED25519_P) < 0 && !SMALL_ORDER_ED25519.contains(Bytes.hex(y));
    }

    /** The little-endian number without its most significant bit. */
    private static byte[] clear(byte[] bytes) {
        byte[] cleared = bytes.clone();
        cleared[cleared.length - 1] &= 0x7f;
        return cleared;
    }

    boolean isP256() {
        return kty.equals("EC");
    }

    /** The signature algorithm of the key type. */
    String algorithm() {
        return isP256() ? "ES256" : "Ed25519";
    }

    /** The JWK with exactly the members of the table, in its order. */
    Map<String, Object> jwk() {
        Map<String, Object> jwk = new LinkedHashMap<>();
        jwk.put("kty", kty);
        jwk.put("crv", crv);
        jwk.put("x", x);
        if (isP256()) {
            jwk.put("y", y);
        }
        return jwk;
    }

    /** SHA-256 JWK thumbprint (RFC 7638), whose members stand in alphabetical order. */
    String thumbprint() {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("crv", crv);
        members.put("kty", kty);
        members.put("x", x);
        if (isP256()) {
            members.put("y", y);
        }
        return Bytes.b64u(Bytes.sha256(Bytes.utf8(Json.write(members))));
    }
}
