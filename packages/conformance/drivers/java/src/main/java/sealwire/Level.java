package sealwire;

/** The level of a session. */
enum Level {
    MAC,
    SIG,
    AEAD,
    NEST;

    boolean isSigned() {
        return this == SIG || this == NEST;
    }

    boolean isEncrypted() {
        return this == AEAD || this == NEST;
    }
}
