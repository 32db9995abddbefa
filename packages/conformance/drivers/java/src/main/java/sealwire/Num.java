package sealwire;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * A number of claims or data.
 *
 * @param value its value as binary64
 * @param integer whether it has the form of an integer of the specification: digits in JSON, unsigned integer in CBOR
 */
record Num(double value, boolean integer) {
    static final long MAX_SAFE = (1L << 53) - 1;

    static Num of(long value) {
        return new Num(value, value >= 0);
    }

    boolean isIntegral() {
        return value == Math.rint(value) && !Double.isInfinite(value);
    }

    boolean isSafe() {
        return isIntegral() && Math.abs(value) <= MAX_SAFE;
    }

    /** The text that ECMA-262 gives to Number::toString. */
    String text() {
        if (isSafe()) {
            return Long.toString((long) value);
        }
        BigDecimal shortest = shortest(Math.abs(value));
        String digits = shortest.unscaledValue().toString();
        int k = digits.length();
        int n = k - shortest.scale();
        String sign = value < 0 ? "-" : "";
        if (k <= n && n <= 21) {
            return sign + digits + "0".repeat(n - k);
        }
        if (n > 0 && n <= 21) {
            return sign + digits.substring(0, n) + "." + digits.substring(n);
        }
        if (n > -6 && n <= 0) {
            return sign + "0." + "0".repeat(-n) + digits;
        }
        String mantissa = k == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
        return sign + mantissa + "e" + (n > 0 ? "+" : "-") + Math.abs(n - 1);
    }

    /** The fewest digits that give the value back, and of those the nearest. Double.toString of Java 17 writes more. */
    private static BigDecimal shortest(double value) {
        BigDecimal exact = new BigDecimal(value);
        for (int digits = 1; digits < 17; digits++) {
            BigDecimal down = exact.round(new MathContext(digits, RoundingMode.DOWN));
            BigDecimal up = exact.round(new MathContext(digits, RoundingMode.UP));
            boolean downFits = down.doubleValue() == value;
            boolean upFits = up.doubleValue() == value;
            if (downFits || upFits) {
                boolean downIsNearer = exact.subtract(down).compareTo(up.subtract(exact)) <= 0;
                return (downFits && (downIsNearer || !upFits) ? down : up).stripTrailingZeros();
            }
        }
        return exact.round(new MathContext(17, RoundingMode.HALF_EVEN)).stripTrailingZeros();
    }
}
