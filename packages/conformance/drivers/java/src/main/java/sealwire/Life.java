package sealwire;

import java.util.Optional;

/** Step time: conventions.md, section 6. */
final class Life {
    private Life() {}

    static void check(Optional<Long> iat, long exp, long now, long skew, long max) {
        if (now >= exp + skew) {
            throw new Refused("E_EXPIRED", "time");
        }
        if (iat.isPresent() && iat.get() > now + skew) {
            throw new Refused("E_FUTURE", "time");
        }
        if (iat.isPresent() && exp - iat.get() > max || exp > now + max + skew) {
            throw new Refused("E_TTL", "time");
        }
    }
}
