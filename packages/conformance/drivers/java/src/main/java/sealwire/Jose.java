package sealwire;

import com.nimbusds.jose.EncryptionMethod;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWEAlgorithm;
import com.nimbusds.jose.JWEDecrypter;
import com.nimbusds.jose.JWEObject;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.Payload;
import com.nimbusds.jose.crypto.DirectDecrypter;
import com.nimbusds.jose.crypto.ECDHDecrypter;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.crypto.Ed25519Signer;
import com.nimbusds.jose.crypto.Ed25519Verifier;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.MACVerifier;
import com.nimbusds.jose.crypto.X25519Decrypter;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.util.Base64URL;
import java.text.ParseException;
import java.util.Map;
import java.util.Optional;

/** What the stock library answers: signatures, MACs and decryption are Nimbus JOSE + JWT's own calls. */
final class Jose {
    private Jose() {}

    /** Verifies a compact JWS with a JWK of type oct, EC or OKP, which sets the algorithm; empty where that fails. */
    static Optional<byte[]> verify(String compact, Map<?, ?> jwk) {
        try {
            JWSObject object = JWSObject.parse(compact);
            String algorithm = object.getHeader().getAlgorithm().getName();
            return algorithm.equals(algorithm(jwk)) && object.verify(verifier(jwk))
                    ? Optional.of(object.getPayload().toBytes())
                    : Optional.empty();
        } catch (ParseException | JOSEException | RuntimeException e) {
            return Optional.empty();
        }
    }

    /** Decrypts a compact JWE, dir with a JWK of type oct, ECDH-ES with a private one; empty where that fails. */
    static Optional<byte[]> decrypt(String compact, Map<?, ?> jwk) {
        try {
            JWEObject object = JWEObject.parse(compact);
            JWEAlgorithm expected = "oct".equals(jwk.get("kty")) ? JWEAlgorithm.DIR : JWEAlgorithm.ECDH_ES;
            if (!object.getHeader().getAlgorithm().equals(expected)
                    || !object.getHeader().getEncryptionMethod().equals(EncryptionMethod.A256GCM)) {
                return Optional.empty();
            }
            object.decrypt(decrypter(jwk));
            return Optional.of(object.getPayload().toBytes());
        } catch (ParseException | JOSEException | RuntimeException e) {
            return Optional.empty();
        }
    }

    /** Signs with the protected header as these bytes; the key is a private JWK or one of type oct. */
    static String sign(String header, byte[] payload, Map<?, ?> jwk) {
        try {
            JWSObject object = new JWSObject(JWSHeader.parse(Base64URL.encode(header)), new Payload(payload));
            object.sign(signer(jwk));
            return object.serialize();
        } catch (ParseException | JOSEException e) {
            throw new IllegalStateException(e);
        }
    }

    static Map<String, Object> oct(byte[] key) {
        return Map.of("kty", "oct", "k", Bytes.b64u(key));
    }

    private static String algorithm(Map<?, ?> jwk) {
        return switch (String.valueOf(jwk.get("kty"))) {
            case "oct" -> "HS256";
            case "EC" -> "ES256";
            default -> "Ed25519";
        };
    }

    private static JWSVerifier verifier(Map<?, ?> jwk) throws JOSEException {
        return switch (algorithm(jwk)) {
            case "HS256" -> new MACVerifier(secret(jwk));
            case "ES256" -> new ECDSAVerifier(ec(jwk).toPublicJWK());
            default -> new Ed25519Verifier(okp(jwk).toPublicJWK());
        };
    }

    private static JWSSigner signer(Map<?, ?> jwk) throws JOSEException {
        return switch (algorithm(jwk)) {
            case "HS256" -> new MACSigner(secret(jwk));
            case "ES256" -> new ECDSASigner(ec(jwk));
            default -> new Ed25519Signer(okp(jwk));
        };
    }

    private static JWEDecrypter decrypter(Map<?, ?> jwk) throws JOSEException {
        return switch (String.valueOf(jwk.get("kty"))) {
            case "oct" -> new DirectDecrypter(secret(jwk));
            case "EC" -> new ECDHDecrypter(ec(jwk));
            default -> new X25519Decrypter(okp(jwk));
        };
    }

    private static byte[] secret(Map<?, ?> jwk) {
        return base64(jwk, "k").decode();
    }

    private static ECKey ec(Map<?, ?> jwk) {
        ECKey.Builder builder = new ECKey.Builder(Curve.P_256, base64(jwk, "x"), base64(jwk, "y"));
        return (jwk.containsKey("d") ? builder.d(base64(jwk, "d")) : builder).build();
    }

    private static OctetKeyPair okp(Map<?, ?> jwk) {
        OctetKeyPair.Builder builder = new OctetKeyPair.Builder(Curve.parse((String) jwk.get("crv")), base64(jwk, "x"));
        return (jwk.containsKey("d") ? builder.d(base64(jwk, "d")) : builder).build();
    }

    private static Base64URL base64(Map<?, ?> jwk, String member) {
        return new Base64URL((String) jwk.get(member));
    }
}
