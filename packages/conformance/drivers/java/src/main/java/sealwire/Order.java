package sealwire;

import java.util.Optional;

/** Which sequence numbers a receiver takes: replay.md. */
interface Order {
    /** E_SEQ or E_REPLAY, or nothing where the number is taken. */
    Optional<String> check(long seq);

    /** The highest number committed. */
    long top();

    /** Every number once and in order. */
    record Strict(long top) implements Order {
        @Override
        public Optional<String> check(long seq) {
            if (seq == 0 || seq > top + 1) {
                return Optional.of("E_SEQ");
            }
            return seq <= top ? Optional.of("E_REPLAY") : Optional.empty();
        }
    }

    /** The window of replay.md, section 5.1. */
    final class Window implements Order {
        private static final int WORD = 32;

        private final long size;
        private final int[] ring;
        private long top;

        Window(long size) {
            this.size = size;
            ring = new int[(int) ((size + WORD - 2) / WORD) + 1];
        }

        @Override
        public Optional<String> check(long seq) {
            if (seq == 0) {
                return Optional.of("E_SEQ");
            }
            boolean taken = seq <= top && (top - seq >= size || (ring[word(seq)] & bit(seq)) != 0);
            return taken ? Optional.of("E_REPLAY") : Optional.empty();
        }

        @Override
        public long top() {
            return top;
        }

        void commit(long seq) {
            if (seq > top) {
                long steps = Math.min(seq / WORD - top / WORD, ring.length);
                for (long i = 1; i <= steps; i++) {
                    ring[word(top + i * WORD)] = 0;
                }
                top = seq;
            }
            ring[word(seq)] |= bit(seq);
        }

        private int word(long seq) {
            return (int) (seq / WORD % ring.length);
        }

        private static int bit(long seq) {
            return 1 << (int) (seq % WORD);
        }
    }
}
