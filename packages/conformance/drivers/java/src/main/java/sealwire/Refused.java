package sealwire;

/** An input is refused: with which code, and in which step. */
final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1L;

    final String code;
    final String step;

    Refused(String code, String step) {
        super(code + " in " + step, null, false, false);
        this.code = code;
        this.step = step;
    }

    /** What the specification calls a TypeError: a mistake of the calling program. */
    static Refused typeError() {
        return new Refused("TypeError", "local");
    }

    static Refused claims() {
        return new Refused("E_CLAIMS", "claims");
    }
}
