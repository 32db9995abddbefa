package sealwire;

import java.util.List;
import java.util.Map;

/** Limits of conventions.md, section 7, and those of claims on a tree of values. */
final class Limits {
    static final int MESSAGE_BYTES = 1048576;
    static final int TOKEN_BYTES = 8192;
    static final int HEADER_BYTES = 1024;
    static final int HEADER_MEMBERS = 12;
    static final int DEPTH = 32;
    static final int MEMBERS = 256;
    static final int NODES = 100000;
    static final int IDENTIFIER = 256;
    static final int TOPIC = 128;
    static final int BATCH_ITEMS = 256;
    static final int TTL_MAX = 300;
    static final int KEY_MESSAGES = 16777216;
    static final int SKEW = 30;
    static final int STANDALONE_TTL_MAX = 86400;
    static final int STANDALONE_SKEW = 60;
    static final int ISSUER_SHARE = 10;

    private Limits() {}

    /** Counts the values of one text or map while it is read or written. */
    static final class Counter {
        private int nodes;

        /** Counts one value; depth is that of the object or array, or of what it would be. */
        boolean admits(int depth, int members) {
            return ++nodes <= NODES && depth <= DEPTH && members <= MEMBERS;
        }
    }

    /** Whether an object is within the limits of claims and free of the member names that claims:proto bans. */
    static boolean admits(Map<String, Object> object) {
        return !object.containsKey("constructor")
                && !object.containsKey("prototype")
                && admits(object, 1, new Counter());
    }

    private static boolean admits(Object value, int depth, Counter counter) {
        if (value instanceof Map<?, ?> map) {
            return counter.admits(depth, map.size())
                    && !map.containsKey("__proto__")
                    && map.values().stream().allMatch(member -> admits(member, depth + 1, counter));
        }
        if (value instanceof List<?> list) {
            return counter.admits(depth, 0) && list.stream().allMatch(element -> admits(element, depth + 1, counter));
        }
        return counter.admits(1, 0);
    }
}
