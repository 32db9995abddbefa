// Generated from specs/registry by tools/generate.mjs. Do not edit.

/** Every error code of the protocol and of the SDKs. */
export type ErrorCode = "E_FRAME" | "E_TOO_BIG" | "E_MALFORMED" | "E_CBOR" | "E_B64" | "E_HEADER" | "E_TYP" | "E_ALG" | "E_CTY" | "E_KEY" | "E_IV" | "E_SEQ" | "E_REPLAY" | "E_CRYPTO" | "E_SIG_SERVER" | "E_CLAIMS" | "E_BINDING" | "E_TRANSCRIPT" | "E_STATE" | "E_EXPIRED" | "E_FUTURE" | "E_TTL" | "E_SESSION_EXPIRED" | "E_REVOKED" | "E_RATE" | "E_QUOTA" | "E_DENIED" | "E_REPLAY_STORE" | "E_NO_HANDLER" | "E_HANDLER" | "E_INVALID" | "E_ORIGIN" | "E_FORBIDDEN" | "E_AUTH_REQUIRED" | "E_TOKEN" | "E_POP" | "E_NEGOTIATE" | "E_DOWNGRADE" | "E_TIMEOUT_HS" | "E_IDLE" | "E_BUSY" | "E_INTERNAL" | "E_DEPENDENCY" | "E_RESUME" | "E_KEY_LIMIT" | "E_SUPERSEDED" | "E_TIMEOUT" | "E_CLOSED" | "E_TRUNCATED" | "E_QUEUE_FULL";

/** The steps of the receive pipeline in their normative order, and "local" for errors of the SDK itself. */
export type Stage = "frame" | "encoding" | "header" | "sequence" | "crypto" | "inner" | "claims" | "commit" | "time" | "session" | "rate" | "authorize" | "deliver" | "local";

export const STEPS: readonly Stage[] = ["frame","encoding","header","sequence","crypto","inner","claims","commit","time","session","rate","authorize","deliver"];

export interface ErrorInfo { readonly steps: readonly Stage[]; readonly close: number | null; readonly fatal: boolean; readonly text: string; readonly mend: string }

export const ERRORS: Readonly<Record<ErrorCode, ErrorInfo>> = {
  "E_FRAME": {"steps":["frame"],"close":4400,"fatal":true,"text":"A WebSocket frame of the wrong type arrived: text on the binary wire, or binary on the text wire.","mend":"Send text frames on sealwire.v1.text and binary frames on sealwire.v1.cbor."},
  "E_TOO_BIG": {"steps":["frame"],"close":1009,"fatal":true,"text":"A message is larger than the receiver admits.","mend":"Split the data, or raise the limit named in the error on the receiving side."},
  "E_MALFORMED": {"steps":["encoding","inner"],"close":4400,"fatal":true,"text":"A text message is not a compact JOSE object.","mend":"Check that the peer and every proxy between speak Sealwire on this path."},
  "E_CBOR": {"steps":["encoding"],"close":4400,"fatal":true,"text":"A binary message is not one of the five CBOR frames in shortest form.","mend":"Check that the peer and every proxy between speak Sealwire on this path."},
  "E_B64": {"steps":["encoding","inner"],"close":4400,"fatal":true,"text":"A segment is not canonical base64url.","mend":"Encode without padding, white space or stray bits (specs/conventions.md)."},
  "E_HEADER": {"steps":["header"],"close":4400,"fatal":true,"text":"A protected header is not one that this session admits.","mend":"Only the headers fixed by the handshake are accepted; see specs/envelope.md."},
  "E_TYP": {"steps":["header"],"close":4400,"fatal":true,"text":"The typ of a protected header names another kind of object.","mend":"Send the object that this step of the handshake expects."},
  "E_ALG": {"steps":["header"],"close":4400,"fatal":true,"text":"The alg of a protected header is not the algorithm of its key.","mend":"One key, one algorithm: use the algorithm that the key's JWK states."},
  "E_CTY": {"steps":["header"],"close":4400,"fatal":true,"text":"The cty of a protected header is not the one expected.","mend":"See the header table of specs/envelope.md."},
  "E_KEY": {"steps":["header","claims"],"close":4501,"fatal":true,"text":"A key is unknown, malformed or not on its curve.","mend":"Check that the pinned key set holds the peer's current key, and that the key is a valid P-256, X25519 or Ed25519 point."},
  "E_IV": {"steps":["sequence"],"close":4501,"fatal":true,"text":"The initialization vector does not belong to this direction and epoch.","mend":"The message was changed on its way, or the peer numbers its messages wrongly."},
  "E_SEQ": {"steps":["sequence","claims"],"close":4502,"fatal":true,"text":"A sequence number is not the next one: a message was dropped or inserted on the way.","mend":"Reconnect. If it recurs, something between the peers drops messages."},
  "E_REPLAY": {"steps":["sequence","claims","deliver"],"close":4502,"fatal":true,"text":"A message arrived that was already received, or in window order one that is too old to tell.","mend":"Reconnect. If it recurs, something between the peers repeats messages."},
  "E_CRYPTO": {"steps":["crypto","inner"],"close":4501,"fatal":true,"text":"A message failed authentication: it was changed on its way or sealed with another key.","mend":"Reconnect. If it recurs, something between the peers changes messages."},
  "E_SIG_SERVER": {"steps":["crypto"],"close":4501,"fatal":true,"text":"The signature of the server hello does not verify.","mend":"Something between the peers answers in the server's place, or the pinned keys are out of date."},
  "E_CLAIMS": {"steps":["claims"],"close":4400,"fatal":true,"text":"The claims of a message break the syntax of the protocol.","mend":"See specs/envelope.md, claims."},
  "E_BINDING": {"steps":["claims"],"close":4501,"fatal":true,"text":"A signed message belongs to another connection, direction, epoch or receiver.","mend":"Reconnect. If it recurs, something between the peers moves messages between connections."},
  "E_TRANSCRIPT": {"steps":["claims"],"close":4501,"fatal":true,"text":"The peers saw different handshakes.","mend":"Something between the peers changes the handshake."},
  "E_STATE": {"steps":["commit","header"],"close":4400,"fatal":true,"text":"A message arrived that the protocol does not admit in this state.","mend":"Report it with the state named in the error: one of the peers has a defect."},
  "E_EXPIRED": {"steps":["time"],"close":null,"fatal":false,"text":"A message arrived after its expiry.","mend":"Give the message a longer ttl, or look for what holds it up."},
  "E_FUTURE": {"steps":["time","claims"],"close":null,"fatal":false,"text":"A message was issued in the future, or the clocks of the peers differ too much.","mend":"Set both clocks by NTP."},
  "E_TTL": {"steps":["time"],"close":null,"fatal":false,"text":"A message claims a longer life than the receiver admits.","mend":"Use a ttl of at most the limit messageTtlMax."},
  "E_SESSION_EXPIRED": {"steps":["session","claims"],"close":4510,"fatal":true,"text":"The session reached its end: the access token expired or the longest session life is over.","mend":"Get a new token and connect again."},
  "E_REVOKED": {"steps":["session"],"close":4403,"fatal":true,"text":"The session was revoked.","mend":"Log out; access was taken away."},
  "E_RATE": {"steps":["rate"],"close":null,"fatal":false,"text":"A message was dropped because it exceeded the rate.","mend":"Send more slowly."},
  "E_QUOTA": {"steps":["commit","rate"],"close":4529,"fatal":true,"text":"A quota was exceeded: control messages, resumes of a session, or unsent data.","mend":"Send more slowly, await send(), and wait longer between attempts to resume."},
  "E_DENIED": {"steps":["authorize"],"close":null,"fatal":false,"text":"The principal is not authorized for this topic.","mend":"Grant the scope or role that the server's authorize() asks for."},
  "E_REPLAY_STORE": {"steps":["deliver"],"close":null,"fatal":false,"text":"The replay store cannot take the message, so it is refused.","mend":"Restore the store, raise its capacity or the issuer's share, or seal a new message once a restarted node is past its pause."},
  "E_NO_HANDLER": {"steps":["deliver"],"close":null,"fatal":false,"text":"Nobody handles requests on this topic.","mend":"Register a handler with handle(topic, fn)."},
  "E_HANDLER": {"steps":["deliver"],"close":null,"fatal":false,"text":"The handler of a request failed.","mend":"See the log of the side that handled it; detail is never sent."},
  "E_INVALID": {"steps":["deliver"],"close":null,"fatal":false,"text":"The data of a message does not match the schema of its topic.","mend":"Send data of the shape that the topic's schema asks for."},
  "E_ORIGIN": {"steps":["local"],"close":3003,"fatal":true,"text":"The page's origin is not allowed.","mend":"Add the origin to the server's origins option."},
  "E_FORBIDDEN": {"steps":["claims"],"close":3003,"fatal":true,"text":"The principal may not connect here.","mend":"Grant the access that the server's connection policy asks for."},
  "E_AUTH_REQUIRED": {"steps":["local"],"close":3000,"fatal":true,"text":"The server does not accept the credentials.","mend":"Get a new access token for this server's audience and connect again."},
  "E_TOKEN": {"steps":["claims"],"close":3000,"fatal":true,"text":"The access token is not acceptable.","mend":"See the detail; typ, algorithms, issuer, audience and clockTolerance are set per issuer in the server's tokens option."},
  "E_POP": {"steps":["claims"],"close":3000,"fatal":true,"text":"The proof of possession is missing, wrong or out of date.","mend":"Connect with the key that the token's cnf.jkt names, and set the clock by NTP."},
  "E_NEGOTIATE": {"steps":["claims"],"close":4406,"fatal":true,"text":"The peers share no suite, level, codec or signature algorithm, or the server is not the one asked for.","mend":"Offer what the server accepts, and check the server id."},
  "E_DOWNGRADE": {"steps":["claims"],"close":4406,"fatal":true,"text":"The subprotocol that was selected is not the one the peers would select: something stripped the offer.","mend":"Let proxies pass Sec-WebSocket-Protocol unchanged."},
  "E_TIMEOUT_HS": {"steps":["local"],"close":3008,"fatal":true,"text":"The handshake took too long.","mend":"Check the network and the load of the server."},
  "E_IDLE": {"steps":["local"],"close":3008,"fatal":true,"text":"Nothing was received for too long.","mend":"Check the network; reconnect."},
  "E_BUSY": {"steps":["local"],"close":1013,"fatal":true,"text":"The server has no room for another connection or session now.","mend":"Try again later, with a growing delay."},
  "E_INTERNAL": {"steps":["local"],"close":1011,"fatal":true,"text":"An operation failed that cannot fail in a working system.","mend":"See the cause; report it."},
  "E_DEPENDENCY": {"steps":["local"],"close":null,"fatal":false,"text":"A store or feed that the application gave failed, did not answer in time, or gave something else than it should.","mend":"See the detail for which one, and the cause for why: bring back what is down, or correct what it gives."},
  "E_RESUME": {"steps":["header","session"],"close":4504,"fatal":true,"text":"The session cannot be resumed.","mend":"Make a full handshake."},
  "E_KEY_LIMIT": {"steps":["commit"],"close":4508,"fatal":true,"text":"The keys of this connection have been used as often as they may.","mend":"Reconnect."},
  "E_SUPERSEDED": {"steps":["session"],"close":4409,"fatal":true,"text":"A newer connection of the same session took over.","mend":"Nothing to do."},
  "E_TIMEOUT": {"steps":["local"],"close":null,"fatal":false,"text":"No reply came in time.","mend":"Use a longer timeout, or look at the handler on the other side."},
  "E_CLOSED": {"steps":["local"],"close":null,"fatal":true,"text":"The session is closed.","mend":"Connect again."},
  "E_TRUNCATED": {"steps":["local"],"close":null,"fatal":true,"text":"The connection ended without a sealed farewell: the last messages may be missing.","mend":"Reconnect, and check with the application what arrived."},
  "E_QUEUE_FULL": {"steps":["local"],"close":null,"fatal":false,"text":"The queue for messages waiting for a connection is full.","mend":"Await send(), or send less while the connection is down."},
};

export interface CloseCodeInfo { readonly name: string; readonly peerError: ErrorCode; readonly action: string }

export const CLOSE_CODES: Readonly<Record<number, CloseCodeInfo>> = {
  "1000": {"name":"normal","peerError":"E_CLOSED","action":"none"},
  "1001": {"name":"away","peerError":"E_CLOSED","action":"reconnect with jittered backoff"},
  "1012": {"name":"away","peerError":"E_CLOSED","action":"reconnect with jittered backoff"},
  "1013": {"name":"busy","peerError":"E_BUSY","action":"reconnect with jittered backoff"},
  "1009": {"name":"too-big","peerError":"E_TOO_BIG","action":"no retry"},
  "1011": {"name":"internal","peerError":"E_INTERNAL","action":"backoff"},
  "3000": {"name":"unauthorized","peerError":"E_AUTH_REQUIRED","action":"get a new token once, then stop"},
  "3003": {"name":"forbidden","peerError":"E_FORBIDDEN","action":"stop"},
  "3008": {"name":"timeout","peerError":"E_TIMEOUT_HS","action":"reconnect"},
  "4400": {"name":"protocol","peerError":"E_MALFORMED","action":"stop, report the defect"},
  "4403": {"name":"revoked","peerError":"E_REVOKED","action":"log out"},
  "4406": {"name":"negotiate","peerError":"E_NEGOTIATE","action":"stop"},
  "4409": {"name":"superseded","peerError":"E_SUPERSEDED","action":"none"},
  "4501": {"name":"crypto","peerError":"E_CRYPTO","action":"backoff, full handshake; three in a row: stop, alert"},
  "4502": {"name":"replay","peerError":"E_REPLAY","action":"reconnect"},
  "4504": {"name":"resume","peerError":"E_RESUME","action":"full handshake"},
  "4508": {"name":"key-limit","peerError":"E_KEY_LIMIT","action":"reconnect"},
  "4510": {"name":"expired","peerError":"E_SESSION_EXPIRED","action":"new token, reconnect"},
  "4529": {"name":"quota","peerError":"E_QUOTA","action":"backoff"},
};

/** Limits with their defaults; every one can be lowered, and raised only explicitly. */
export interface Limits {
  /** access token; bytes, default 8192; beyond it E_TOKEN. */
  readonly tokenBytes: number;
  /** from the issue of a ticket to its use; at most 30; seconds, default 30; beyond it E_TOKEN. */
  readonly ticketSeconds: number;
  /** open connections of one address; connections, default 100; beyond it E_BUSY. */
  readonly connectionsPerAddress: number;
  /** connections of one address before SR; connections, default 10; beyond it E_BUSY. */
  readonly unauthenticatedPerAddress: number;
  /** all connections before SR; connections, default 1000; beyond it E_BUSY. */
  readonly unauthenticatedTotal: number;
  /** all sessions of a server, those without a connection included; sessions, default 20000; beyond it E_BUSY. */
  readonly sessions: number;
  /** sessions of one principal, those without a connection included; sessions, default 64; beyond it E_BUSY. */
  readonly sessionsPerSubject: number;
  /** size of CH; bytes, default 4096; beyond it E_TOO_BIG. */
  readonly clientHelloBytes: number;
  /** from upgrade to CH; seconds, default 5; beyond it E_TIMEOUT_HS. */
  readonly clientHelloSeconds: number;
  /** size of CA; bytes, default 16384; beyond it E_TOO_BIG. */
  readonly clientAuthBytes: number;
  /** from upgrade to SR; seconds, default 10; beyond it E_TIMEOUT_HS. */
  readonly handshakeSeconds: number;
  /** everything received before SR, counted on the socket: CH, CA, early data and framing; bytes, default 98304; beyond it E_TOO_BIG. */
  readonly unauthenticatedBytes: number;
  /** WebSocket payload between CA and SR; bytes, default 65536; beyond it E_STATE. */
  readonly earlyDataBytes: number;
  /** one WebSocket message; sent as lim.msg; bytes, default 1048576; beyond it E_TOO_BIG. */
  readonly messageBytes: number;
  /** least lim.msg; bytes, default 65536; beyond it E_CLAIMS. */
  readonly messageBytesMin: number;
  /** fragments of one WebSocket message; fragments, default 128; beyond it E_TOO_BIG. */
  readonly fragments: number;
  /** decoded protected header; bytes, default 1024; beyond it E_HEADER. */
  readonly headerBytes: number;
  /** members of a protected header; members, default 12; beyond it E_HEADER. */
  readonly headerMembers: number;
  /** nesting of claims; levels, default 32; beyond it E_CLAIMS. */
  readonly claimsDepth: number;
  /** members of one object; members, default 256; beyond it E_CLAIMS. */
  readonly claimsMembers: number;
  /** values in one message; values, default 100000; beyond it E_CLAIMS. */
  readonly claimsNodes: number;
  /** iss, aud and server ids; characters, default 256; beyond it E_CLAIMS. */
  readonly identifierLength: number;
  /** top; characters, default 128; beyond it E_CLAIMS. */
  readonly topicLength: number;
  /** items of one batch; items, default 256; beyond it E_CLAIMS. */
  readonly batchItems: number;
  /** keys of a token issuer; keys, default 64; beyond it E_TOKEN. */
  readonly jwksKeys: number;
  /** key set document; bytes, default 262144; beyond it E_TOKEN. */
  readonly jwksBytes: number;
  /** least time between two fetches from one issuer; seconds, default 30; beyond it E_TOKEN. */
  readonly jwksCooldownSeconds: number;
  /** longest use of a fetched key set; seconds, default 600; beyond it E_TOKEN. */
  readonly jwksMaxAgeSeconds: number;
  /** inbound items of a session; items/s, default 200; beyond it E_RATE. */
  readonly itemsPerSecond: number;
  /** burst of inbound items; items, default 400; beyond it E_RATE. */
  readonly itemsBurst: number;
  /** inbound bytes of a session; bytes/s, default 4194304; beyond it E_RATE. */
  readonly bytesPerSecond: number;
  /** inbound control messages of a session; messages/s, default 10; beyond it E_QUOTA. */
  readonly controlPerSecond: number;
  /** burst of control messages; messages, default 50; beyond it E_QUOTA. */
  readonly controlBurst: number;
  /** messages that wait for crypto or handler; messages, default 256; beyond it E_QUOTA. */
  readonly receiveQueueMessages: number;
  /** bytes that wait for crypto or handler; bytes, default 8388608; beyond it E_QUOTA. */
  readonly receiveQueueBytes: number;
  /** handlers of a session at work at once; handlers, default 64; beyond it E_HANDLER. */
  readonly concurrentHandlers: number;
  /** unsent bytes above which send() waits; bytes, default 1048576; beyond it E_QUOTA. */
  readonly highWaterMark: number;
  /** unsent bytes at which the session ends; bytes, default 16777216; beyond it E_QUOTA. */
  readonly sendBufferBytes: number;
  /** messages of the application that wait for a connection, or for room among the kept ones; messages, default 10000; beyond it E_QUEUE_FULL. */
  readonly queuedMessages: number;
  /** claims of waiting messages; bytes, default 16777216; beyond it E_QUEUE_FULL. */
  readonly queuedBytes: number;
  /** life of a message; seconds, default 60; beyond it E_TTL. */
  readonly messageTtl: number;
  /** longest life of a message; seconds, default 300; beyond it E_TTL. */
  readonly messageTtlMax: number;
  /** tolerance between the clocks in a session; seconds, default 30; beyond it E_FUTURE. */
  readonly skewSeconds: number;
  /** longest life of a standalone envelope that an opener can be set to take; seconds, default 86400; beyond it E_TTL. */
  readonly standaloneTtlMax: number;
  /** tolerance between the clocks of sealer and opener of a standalone envelope; seconds, default 60; beyond it E_FUTURE. */
  readonly standaloneSkewSeconds: number;
  /** clock difference above which sig and nest are not used; seconds, default 300; beyond it E_FUTURE. */
  readonly clockOffsetWarnSeconds: number;
  /** clock difference above which the client closes; seconds, default 86400; beyond it E_FUTURE. */
  readonly clockOffsetMaxSeconds: number;
  /** longest exp - iat of CA; seconds, default 60; beyond it E_POP. */
  readonly clientAuthLifeSeconds: number;
  /** without anything received; seconds, default 120; beyond it E_IDLE. */
  readonly idleSeconds: number;
  /** between the server's pings; seconds, default 30; beyond it E_IDLE. */
  readonly heartbeatSeconds: number;
  /** longest session; seconds, default 86400; beyond it E_SESSION_EXPIRED. */
  readonly sessionSeconds: number;
  /** time for which a session outlives its connection; s, default 120; beyond it the session ends. */
  readonly resumeSeconds: number;
  /** sent messages that are kept until they are acknowledged; messages, default 1000; beyond it send waits. */
  readonly retainedMessages: number;
  /** claims of sent messages that are kept until they are acknowledged; bytes, default 4194304; beyond it send waits. */
  readonly retainedBytes: number;
  /** application messages that are committed without rcv having been sent; messages, default 64; beyond it ack is sent. */
  readonly ackMessages: number;
  /** claims of application messages that are committed without rcv having been sent; bytes, default 262144; beyond it ack is sent. */
  readonly ackBytes: number;
  /** time for which a committed application message is not acknowledged; s, default 2; beyond it ack is sent. */
  readonly ackSeconds: number;
  /** chains that a client holds; chains, default 4; beyond it full handshake. */
  readonly resumeChains: number;
  /** resumes of a session, as many of them at once; resumes/min, default 12; beyond it E_QUOTA. */
  readonly resumesPerMinute: number;
  /** time before the end of a session at which the server asks for a new token; s, default 60; beyond it auth-soon is sent. */
  readonly refreshSeconds: number;
  /** revocations that a server remembers; entries, default 1000000; beyond it E_QUEUE_FULL. */
  readonly revocations: number;
  /** wait for the end of the connection after bye; seconds, default 2; beyond it E_CLOSED. */
  readonly byeSeconds: number;
  /** wait for a reply; seconds, default 30; beyond it E_TIMEOUT. */
  readonly requestSeconds: number;
  /** messages under the keys of one direction; messages, default 16777216; beyond it E_KEY_LIMIT. */
  readonly keyMessages: number;
  /** bytes under the keys of one direction; bytes, default 274877906944; beyond it E_KEY_LIMIT. */
  readonly keyBytes: number;
  /** messages of one direction in one epoch; messages, default 1048576; beyond it rekey is sent. */
  readonly rekeyMessages: number;
  /** claims of one direction in one epoch; bytes, default 68719476736; beyond it rekey is sent. */
  readonly rekeyBytes: number;
  /** age of the keys of an epoch; s, default 3600; beyond it rekey is sent. */
  readonly rekeySeconds: number;
  /** time until a rekey is answered, and until its ack comes; s, default 30; beyond it E_TIMEOUT_HS. */
  readonly rekeyWaitSeconds: number;
  /** longest use of the keys of an epoch; s, default 86400; beyond it E_KEY_LIMIT. */
  readonly keySeconds: number;
  /** how far behind the highest sequence number a message is taken in window order; numbers, default 1024; beyond it E_REPLAY. */
  readonly replayWindow: number;
  /** failures that are dropped before one ends a session in window order; the breach has its own code; messages, default 16; beyond it E_REPLAY. */
  readonly replayDrops: number;
  /** capacity of a replay store in memory; entries, default 100000; beyond it E_REPLAY_STORE. */
  readonly replayEntries: number;
  /** share of a replay store that one issuer can fill; percent, default 10; beyond it E_REPLAY_STORE. */
  readonly replayIssuerShare: number;
}

export const DEFAULT_LIMITS: Limits = {
  "tokenBytes": 8192,
  "ticketSeconds": 30,
  "connectionsPerAddress": 100,
  "unauthenticatedPerAddress": 10,
  "unauthenticatedTotal": 1000,
  "sessions": 20000,
  "sessionsPerSubject": 64,
  "clientHelloBytes": 4096,
  "clientHelloSeconds": 5,
  "clientAuthBytes": 16384,
  "handshakeSeconds": 10,
  "unauthenticatedBytes": 98304,
  "earlyDataBytes": 65536,
  "messageBytes": 1048576,
  "messageBytesMin": 65536,
  "fragments": 128,
  "headerBytes": 1024,
  "headerMembers": 12,
  "claimsDepth": 32,
  "claimsMembers": 256,
  "claimsNodes": 100000,
  "identifierLength": 256,
  "topicLength": 128,
  "batchItems": 256,
  "jwksKeys": 64,
  "jwksBytes": 262144,
  "jwksCooldownSeconds": 30,
  "jwksMaxAgeSeconds": 600,
  "itemsPerSecond": 200,
  "itemsBurst": 400,
  "bytesPerSecond": 4194304,
  "controlPerSecond": 10,
  "controlBurst": 50,
  "receiveQueueMessages": 256,
  "receiveQueueBytes": 8388608,
  "concurrentHandlers": 64,
  "highWaterMark": 1048576,
  "sendBufferBytes": 16777216,
  "queuedMessages": 10000,
  "queuedBytes": 16777216,
  "messageTtl": 60,
  "messageTtlMax": 300,
  "skewSeconds": 30,
  "standaloneTtlMax": 86400,
  "standaloneSkewSeconds": 60,
  "clockOffsetWarnSeconds": 300,
  "clockOffsetMaxSeconds": 86400,
  "clientAuthLifeSeconds": 60,
  "idleSeconds": 120,
  "heartbeatSeconds": 30,
  "sessionSeconds": 86400,
  "resumeSeconds": 120,
  "retainedMessages": 1000,
  "retainedBytes": 4194304,
  "ackMessages": 64,
  "ackBytes": 262144,
  "ackSeconds": 2,
  "resumeChains": 4,
  "resumesPerMinute": 12,
  "refreshSeconds": 60,
  "revocations": 1000000,
  "byeSeconds": 2,
  "requestSeconds": 30,
  "keyMessages": 16777216,
  "keyBytes": 274877906944,
  "rekeyMessages": 1048576,
  "rekeyBytes": 68719476736,
  "rekeySeconds": 3600,
  "rekeyWaitSeconds": 30,
  "keySeconds": 86400,
  "replayWindow": 1024,
  "replayDrops": 16,
  "replayEntries": 100000,
  "replayIssuerShare": 10,
};

/** Part of the protocol: a sender counts on them, so no side changes them. */
export const FIXED_LIMITS: ReadonlySet<string> = new Set(["messageBytesMin","headerBytes","headerMembers","claimsDepth","claimsMembers","claimsNodes","identifierLength","topicLength","batchItems","standaloneTtlMax","standaloneSkewSeconds","ackMessages","ackBytes","ackSeconds","resumeChains","rekeyWaitSeconds"]);

export type Level = "mac" | "sig" | "aead" | "nest";
export type Codec = "json" | "cbor";
export type SuiteId = "x25519" | "p256";
export type SignatureAlg = "ES256" | "Ed25519";
export type Subprotocol = "sealwire.v1.cbor" | "sealwire.v1.text";
export const LEVELS: readonly Level[] = ["mac","sig","aead","nest"];
export const CODECS: readonly Codec[] = ["json","cbor"];
export const SUITES: readonly SuiteId[] = ["x25519","p256"];
export const SIGNATURE_ALGS: readonly SignatureAlg[] = ["ES256","Ed25519"];
export const SUBPROTOCOLS: readonly Subprotocol[] = ["sealwire.v1.cbor","sealwire.v1.text"];
export const ERR_CODES: readonly ErrorCode[] = ["E_EXPIRED","E_FUTURE","E_TTL","E_DENIED","E_RATE","E_REPLAY_STORE","E_NO_HANDLER","E_HANDLER","E_INVALID"];
