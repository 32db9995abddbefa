package sealwire;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** A replay store in memory: replay.md, section 6. */
final class ReplayStore {
    private record Entry(String iss, long end) {}

    private final Map<String, Entry> entries = new HashMap<>();
    private final long capacity;
    private final long skew;
    private final Optional<Long> startedAt;
    /** Entries that ended up to here may be gone. */
    private long dropped;

    ReplayStore(long capacity, long skew, Optional<Long> startedAt) {
        this.capacity = capacity;
        this.skew = skew;
        this.startedAt = startedAt;
    }

    static String key(String receiver, String iss, String jti) {
        byte[] input = Bytes.concat(
                Bytes.utf8("sealwire1 jti\0"),
                Bytes.lp(Bytes.utf8(receiver)),
                Bytes.lp(Bytes.utf8(iss)),
                Bytes.lp(Bytes.utf8(jti)));
        return Bytes.hex(Bytes.sha256(input));
    }

    /** Inserts, or tells with which code it does not. */
    Optional<String> insert(long now, String receiver, String iss, String jti, long iat, long exp) {
        dropped = Math.max(dropped, now);
        entries.values().removeIf(entry -> entry.end() <= dropped);
        String key = key(receiver, iss, jti);
        if (entries.containsKey(key)) {
            return Optional.of("E_REPLAY");
        }
        long end = exp + 2 * skew;
        long share = Math.max(1, capacity * Limits.ISSUER_SHARE / 100);
        long held = entries.values().stream()
                .filter(entry -> entry.iss().equals(iss))
                .count();
        boolean beforeStart = startedAt.isPresent() && iat <= startedAt.get() + skew;
        if (beforeStart || end <= dropped || entries.size() >= capacity || held >= share) {
            return Optional.of("E_REPLAY_STORE");
        }
        entries.put(key, new Entry(iss, end));
        return Optional.empty();
    }
}
