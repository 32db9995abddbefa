package sealwire;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.crypto.impl.ECDH;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.OctetKeyPairGenerator;
import com.nimbusds.jose.util.Base64URL;
import java.security.SecureRandom;
import java.util.Map;
import javax.crypto.SecretKey;

/** Seals standalone envelopes: envelope.md, section 13.4. */
final class Envelope {
    private static final SecureRandom RANDOM = new SecureRandom();

    private Envelope() {}

    static Message seal(Input in) {
        PublicKey signer = PublicKey.configured(in.object("signer"), PublicKey.Use.SIGN);
        boolean encrypt = in.has("encryptTo");
        PublicKey recipient = encrypt ? PublicKey.configured(in.object("encryptTo"), PublicKey.Use.AGREE) : null;
        byte[] claims = ClaimsWriter.envelope(in, encrypt);
        String typ = encrypt ? "sealwire-envi+jwt" : "sealwire-env+jwt";
        String jws = Jose.sign(Headers.envelope(signer, typ), claims, in.object("signer"));
        Frame frame = encrypt ? encrypt(jws, recipient) : Frame.fromText(jws, "encoding");
        return in.wire() == Message.Wire.TEXT ? Message.of(frame.toText()) : Message.of(frame.toBinary());
    }

    /** Not by the JOSE library as a whole, which writes the members of the header in an order of its own. */
    private static Frame encrypt(String jws, PublicKey recipient) {
        try {
            Agreement agreement = recipient.isP256() ? p256(recipient) : x25519(recipient);
            String header = Headers.encryptedEnvelope(agreement.ephemeral(), recipient);
            byte[] none = Bytes.lp(new byte[0]);
            byte[] key = Bytes.sha256(Bytes.concat(
                    Bytes.uint32(1),
                    agreement.secret().getEncoded(),
                    Bytes.lp(Bytes.utf8("A256GCM")),
                    none,
                    none,
                    Bytes.uint32(256)));
            byte[] iv = new byte[12];
            RANDOM.nextBytes(iv);
            byte[] data = Sealer.gcm(key, iv, header, Bytes.utf8(jws));
            int tag = data.length - 16;
            return Frame.jwe(Bytes.utf8(header), iv, Bytes.slice(data, 0, tag), Bytes.slice(data, tag, data.length));
        } catch (JOSEException e) {
            throw new IllegalStateException(e);
        }
    }

    private record Agreement(PublicKey ephemeral, SecretKey secret) {}

    private static Agreement p256(PublicKey recipient) throws JOSEException {
        ECKey ephemeral = new ECKeyGenerator(Curve.P_256).generate();
        ECKey peer = new ECKey.Builder(Curve.P_256, new Base64URL(recipient.x()), new Base64URL(recipient.y())).build();
        SecretKey secret = ECDH.deriveSharedSecret(peer.toECPublicKey(), ephemeral.toECPrivateKey(), null);
        return new Agreement(key(ephemeral.toPublicJWK().toJSONObject()), secret);
    }

    private static Agreement x25519(PublicKey recipient) throws JOSEException {
        OctetKeyPair ephemeral = new OctetKeyPairGenerator(Curve.X25519).generate();
        OctetKeyPair peer = new OctetKeyPair.Builder(Curve.X25519, new Base64URL(recipient.x())).build();
        return new Agreement(key(ephemeral.toPublicJWK().toJSONObject()), ECDH.deriveSharedSecret(peer, ephemeral));
    }

    private static PublicKey key(Map<String, Object> jwk) {
        return PublicKey.of(jwk, PublicKey.Use.AGREE).orElseThrow();
    }
}
