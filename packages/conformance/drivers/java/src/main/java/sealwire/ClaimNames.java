package sealwire;

import java.util.Set;

/** The names of the table of claims: envelope.md, section 5. */
final class ClaimNames {
    static final Set<String> SESSION = Set.of(
            "iss", "aud", "bnd", "seq", "jti", "iat", "exp", "top", "ref", "req", "dat", "bin", "bat", "rcv", "pad");

    private ClaimNames() {}
}
