package sealwire;

import java.security.GeneralSecurityException;
import java.util.List;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Seals messages of a session: envelope.md, section 8. signer is the private JWK at levels with signature. */
record Sealer(Session session, Map<?, ?> signer) {
    static Sealer of(Input in) {
        return new Sealer(Session.toSeal(in), in.object("signer"));
    }

    Message application(Input in) {
        byte[] claims = ClaimsWriter.application(in, session.level(), session.codec(), session.binding());
        PublicKey signing = session.level().isSigned() ? PublicKey.configured(signer, PublicKey.Use.SIGN) : null;
        String header = session.header(signing);
        return switch (session.level()) {
            case MAC -> signed(Jose.sign(header, claims, Jose.oct(session.mac())));
            case SIG -> signed(Jose.sign(header, claims, signer));
            case AEAD -> encrypted(header, 0, in.number("seq"), claims);
            case NEST ->
                encrypted(
                        header,
                        0,
                        in.number("seq"),
                        Bytes.utf8(Jose.sign(Headers.signed(signing, session.codec()), claims, signer)));
        };
    }

    Message control(long seq, Input in) {
        return encrypted(Headers.control(session.kid()), 1, seq, ClaimsWriter.control(seq, in));
    }

    private Message signed(String compact) {
        if (session.wire() == Message.Wire.TEXT) {
            return Message.of(compact);
        }
        Frame jws = Frame.fromText(compact, "encoding");
        return Message.of(
                new Frame(Frame.SIGNED, 0, 0, List.of(jws.part("payload"), jws.part("signature"))).toBinary());
    }

    private Message encrypted(String header, long h, long seq, byte[] plaintext) {
        byte[] data = gcm(session.key(), Bytes.nonce(session.iv(), seq), header, plaintext);
        Frame sealed = new Frame(Frame.SEALED, h, seq, List.of(data));
        return session.wire() == Message.Wire.TEXT
                ? Message.of(sealed.full(Bytes.utf8(header), session.iv())
                        .orElseThrow()
                        .toText())
                : Message.of(sealed.toBinary());
    }

    /** Ciphertext and tag. Not by the JOSE library, which draws the IV itself. */
    static byte[] gcm(byte[] key, byte[] iv, String header, byte[] plaintext) {
        try {
            Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, iv));
            cipher.updateAAD(Bytes.utf8(Bytes.b64u(header)));
            return cipher.doFinal(plaintext);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
