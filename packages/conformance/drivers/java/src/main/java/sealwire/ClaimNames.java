package sealwire;

import java.util.Set;

/** The names of the tables of claims: envelope.md, sections 5 and 13.2. */
final class ClaimNames {
    static final Set<String> SESSION =
            Set.of("iss", "aud", "bnd", "seq", "iat", "exp", "top", "ref", "req", "dat", "bin", "bat", "rcv", "pad");

    private ClaimNames() {}
}
