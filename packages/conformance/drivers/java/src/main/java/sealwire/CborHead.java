package sealwire;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** Heads of CBOR (RFC 8949, section 3) one after the other. What is no CBOR is a {@link Bad}. */
final class CborHead {
    static final int UINT = 0;
    static final int NINT = 1;
    static final int BYTES = 2;
    static final int TEXT = 3;
    static final int ARRAY = 4;
    static final int MAP = 5;
    static final int SIMPLE = 7;

    /** The bytes are not what the caller reads. */
    static final class Bad extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Bad() {
            super(null, null, false, false);
        }
    }

    private final ByteBuffer input;
    int major;
    int info;
    /** The argument as an unsigned number. */
    long argument;

    boolean shortest;

    CborHead(byte[] bytes) {
        input = ByteBuffer.wrap(bytes);
    }

    boolean atEnd() {
        return !input.hasRemaining();
    }

    /** Reads the next head. Indefinite lengths and reserved values are bad. */
    void next() {
        int first = Byte.toUnsignedInt(take(1).get());
        major = first >> 5;
        info = first & 0x1f;
        switch (info) {
            case 24 -> argument = Byte.toUnsignedLong(take(1).get());
            case 25 -> argument = Short.toUnsignedLong(take(2).getShort());
            case 26 -> argument = Integer.toUnsignedLong(take(4).getInt());
            case 27 -> argument = take(8).getLong();
            default -> {
                require(info < 24);
                argument = info;
            }
        }
        shortest = major == SIMPLE || info == shortestInfo(argument);
    }

    /** The bytes of the string whose head was read. */
    byte[] string() {
        require(argument >= 0 && argument <= input.remaining());
        byte[] bytes = new byte[(int) argument];
        input.get(bytes);
        return bytes;
    }

    private ByteBuffer take(int count) {
        require(input.remaining() >= count);
        ByteBuffer part = input.slice(input.position(), count);
        input.position(input.position() + count);
        return part;
    }

    static void require(boolean condition) {
        if (!condition) {
            throw new Bad();
        }
    }

    private static int shortestInfo(long argument) {
        if (argument < 0 || argument > 0xffffffffL) {
            return 27;
        }
        return argument < 24 ? (int) argument : argument <= 0xff ? 24 : argument <= 0xffff ? 25 : 26;
    }

    /** Writes a head in its shortest form. */
    static void write(ByteArrayOutputStream out, int major, long argument) {
        int info = shortestInfo(argument);
        out.write(major << 5 | info);
        for (int shift = info < 24 ? -8 : (8 << (info - 24)) - 8; shift >= 0; shift -= 8) {
            out.write((int) (argument >>> shift));
        }
    }
}
