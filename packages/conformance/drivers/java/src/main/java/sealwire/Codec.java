package sealwire;

import java.util.Map;
import java.util.Optional;

/** The codec of application messages. */
enum Codec {
    JSON,
    CBOR;

    /** The member cty of signed and encrypted headers. */
    String cty() {
        return this == JSON ? null : "sealwire+cbor";
    }

    Map<String, Object> read(byte[] claims) {
        Optional<Map<String, Object>> object = this == JSON ? Json.object(claims) : Cbor.object(claims);
        return object.orElseThrow(Refused::claims);
    }

    byte[] write(Map<String, Object> claims) {
        return this == JSON ? Bytes.utf8(Json.write(claims)) : Cbor.write(claims);
    }
}
