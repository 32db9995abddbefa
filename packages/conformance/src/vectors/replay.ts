// replay.json: windows, replay keys, replay stores.
import { hex, lp, sha256, utf8 } from "../kit/bytes.ts";
import { CLOCK, type Generator, Group } from "./file.ts";
import { windowGroups } from "./replay-window.ts";

const SKEW = 60;
const RECEIVER = "orders.example";
const ISSUER = "shop.example";

/** H("sealwire1 jti" || 0 || lp(receiver) || lp(iss) || lp(jti)) */
export const replayKey = (receiver: string, iss: string, jti: string): string =>
  hex(sha256(utf8("sealwire1 jti"), Buffer.of(0), ...[receiver, iss, jti].map((part) => lp(utf8(part)))));

/** A message id, from a number. */
export const messageId = (n: number): string =>
  sha256(utf8(`message id ${n}`))
    .subarray(0, 16)
    .toString("base64url");

function keys(): Group {
  const group = new Group("replay/key", { level: "L1", section: "replay.md#61-key-and-entry", op: "replay.key" });
  const add = (name: string, comment: string, receiver: string, iss: string, jti: string): void => {
    group.accept(name, comment, ["store:key"], { receiver, iss, jti }, { key: replayKey(receiver, iss, jti) });
  };
  add("usual", "receiver, issuer and message id", RECEIVER, ISSUER, messageId(1));
  add("other-jti", "another message id", RECEIVER, ISSUER, messageId(2));
  add("other-issuer", "another issuer", RECEIVER, "other.example", messageId(1));
  add("other-receiver", "another receiver", "billing.example", ISSUER, messageId(1));
  add("exchanged", "receiver and issuer exchanged", ISSUER, RECEIVER, messageId(1));
  add("moved", "a character moved from the receiver to the issuer", RECEIVER.slice(0, -1), `e${ISSUER}`, messageId(1));
  add("case", "the receiver in another case", RECEIVER.toUpperCase(), ISSUER, messageId(1));
  add("longest", "identifiers of 256 characters", "r".repeat(256), "~".repeat(256), messageId(1));
  add("shortest", "identifiers of one character", "r", "!", "AAAAAAAAAAAAAAAAAAAAAA");
  return group;
}

interface Step {
  readonly now?: number;
  readonly receiver?: string;
  readonly iss?: string;
  readonly jti: number;
  readonly iat?: number;
  readonly exp?: number;
}
type Verdict = "ok" | "E_REPLAY" | "E_REPLAY_STORE";
const [REPLAY, FULL] = ["E_REPLAY", "E_REPLAY_STORE"] as const;

/** Steps with their verdicts. Times are seconds from the clock of the file. */
function stores(): Group {
  const group = new Group("replay/store", { level: "L1", section: "replay.md#6-replay-stores", op: "replay.store" });
  const add = (
    name: string,
    comment: string,
    req: readonly string[],
    capacity: number,
    steps: readonly (readonly [Step, Verdict])[],
    startedAt?: number,
  ): void => {
    const written = steps.map(([{ now = 0, receiver = RECEIVER, iss = ISSUER, jti, iat = now, exp = iat + 60 }]) => ({
      now: CLOCK + now,
      receiver,
      iss,
      jti: messageId(jti),
      iat: CLOCK + iat,
      exp: CLOCK + exp,
    }));
    const start = startedAt === undefined ? {} : { startedAt: CLOCK + startedAt };
    const verdicts = steps.map(([, verdict]) => verdict);
    group.accept(name, comment, req, { capacity, skew: SKEW, ...start, steps: written }, { verdicts });
  };
  const end = 60 + 2 * SKEW;
  add("once", "each message id once", ["store:insert"], 1000, [
    [{ jti: 1 }, "ok"],
    [{ jti: 2 }, "ok"],
    [{ jti: 3 }, "ok"],
  ]);
  add("duplicate", "the same envelope again, at once and later", ["store:replay", "store:atomic"], 1000, [
    [{ jti: 1 }, "ok"],
    [{ jti: 1 }, REPLAY],
    [{ jti: 2 }, "ok"],
    [{ now: 30, jti: 1, iat: 0 }, REPLAY],
  ]);
  add("other-exp", "the same message id with another life is the same", ["store:key", "store:replay"], 1000, [
    [{ jti: 1 }, "ok"],
    [{ jti: 1, iat: 10, exp: 300 }, REPLAY],
  ]);
  add("receivers", "two receivers in one store do not meet", ["store:key", "store:replay"], 1000, [
    [{ jti: 1 }, "ok"],
    [{ jti: 1, receiver: "billing.example" }, "ok"],
    [{ jti: 1, receiver: "billing.example" }, REPLAY],
    [{ jti: 1 }, REPLAY],
  ]);
  add("issuers", "two issuers with one message id do not meet", ["store:key", "store:replay"], 1000, [
    [{ jti: 1 }, "ok"],
    [{ jti: 1, iss: "other.example" }, "ok"],
    [{ jti: 1 }, REPLAY],
  ]);
  add("exchanged", "the receiver is the issuer of the other", ["store:key"], 1000, [
    [{ jti: 1 }, "ok"],
    [{ jti: 1, receiver: ISSUER, iss: RECEIVER }, "ok"],
  ]);
  add("retention", "held one second before exp + 2 · skew", ["store:keep", "store:replay"], 1000, [
    [{ jti: 1, iat: 0, exp: 60 }, "ok"],
    [{ now: end - 1, jti: 1, iat: 0, exp: 60 }, REPLAY],
  ]);
  add("retention-fast", "the life that one skew would give is not enough", ["store:keep", "store:replay"], 1000, [
    [{ jti: 1, iat: 0, exp: 60 }, "ok"],
    [{ now: 60 + SKEW, jti: 1, iat: 0, exp: 60 }, REPLAY],
  ]);
  add("retention-many", "others that come and end do not shorten it", ["store:keep", "store:replay"], 1000, [
    [{ jti: 1, iat: 0, exp: 300 }, "ok"],
    [{ jti: 2, iat: 0, exp: 1 }, "ok"],
    [{ now: 200, jti: 3 }, "ok"],
    [{ now: 419, jti: 1, iat: 0, exp: 300 }, REPLAY],
  ]);
  add("full", "a full store refuses and forgets nothing", ["store:closed", "store:keep"], 2, [
    [{ jti: 1, iss: "a" }, "ok"],
    [{ jti: 2, iss: "b" }, "ok"],
    [{ jti: 3, iss: "c" }, FULL],
    [{ jti: 1, iss: "a" }, REPLAY],
    [{ jti: 2, iss: "b" }, REPLAY],
  ]);
  add(
    "full-until-end",
    "there is room again where an entry has ended, not a second before",
    ["store:closed", "store:keep"],
    1,
    [
      [{ jti: 1, iat: 0, exp: 60 }, "ok"],
      [{ now: end - 1, jti: 2, iss: "b" }, FULL],
      [{ now: end, jti: 2, iss: "b" }, "ok"],
      [{ now: end, jti: 3, iss: "c" }, FULL],
    ],
  );
  add("full-no-order", "the entry that ends first makes room, not the oldest", ["store:closed", "store:keep"], 2, [
    [{ jti: 1, iss: "a", iat: 0, exp: 300 }, "ok"],
    [{ jti: 2, iss: "b", iat: 0, exp: 10 }, "ok"],
    [{ now: 130, jti: 3, iss: "c" }, "ok"],
    [{ now: 131, jti: 1, iss: "a", iat: 0, exp: 300 }, REPLAY],
    [{ now: 132, jti: 4, iss: "d" }, FULL],
  ]);
  const flood = Array.from({ length: 3 }, (_, i): readonly [Step, Verdict] => [
    { jti: i + 1, exp: 300 },
    i < 2 ? "ok" : FULL,
  ]);
  add("share", "one issuer fills a tenth; others are not concerned", ["store:share"], 20, [
    ...flood,
    [{ jti: 1, iss: "other.example" }, "ok"],
    [{ jti: 1 }, REPLAY],
    [{ jti: 4 }, FULL],
  ]);
  add("share-rounded", "a tenth of 29 is 2", ["store:share"], 29, [...flood, [{ jti: 2 }, REPLAY]]);
  add("share-one", "the share is at least one entry", ["store:share"], 5, [
    [{ jti: 1 }, "ok"],
    [{ jti: 2 }, FULL],
    [{ jti: 3, iss: "b" }, "ok"],
    [{ jti: 4, iss: "b" }, FULL],
  ]);
  add("share-receivers", "the share of an issuer is one for all receivers", ["store:share"], 20, [
    [{ jti: 1 }, "ok"],
    [{ jti: 1, receiver: "billing.example" }, "ok"],
    [{ jti: 1, receiver: "third.example" }, FULL],
  ]);
  add("share-ends", "the issuer has room again where its entries have ended", ["store:share", "store:keep"], 10, [
    [{ jti: 1, iat: 0, exp: 60 }, "ok"],
    [{ now: end - 1, jti: 2 }, FULL],
    [{ now: end, jti: 2 }, "ok"],
  ]);
  add(
    "restart",
    "what was issued up to start + skew is refused",
    ["store:start"],
    1000,
    [
      [{ now: 5, jti: 1, iat: -10, exp: 200 }, FULL],
      [{ now: 5, jti: 2, iat: 0, exp: 200 }, FULL],
      [{ now: 5, jti: 3, iat: SKEW, exp: 200 }, FULL],
      [{ now: 5, jti: 4, iat: SKEW + 1, exp: 200 }, "ok"],
      [{ now: 6, jti: 4, iat: SKEW + 1, exp: 200 }, REPLAY],
    ],
    0,
  );
  add(
    "restart-later",
    "also when it comes long after the start",
    ["store:start"],
    1000,
    [
      [{ now: 120, jti: 1, iat: SKEW, exp: 300 }, FULL],
      [{ now: 120, jti: 2, iat: SKEW + 1, exp: 300 }, "ok"],
    ],
    0,
  );
  add(
    "restart-uses-nothing",
    "what is refused so takes no room",
    ["store:start"],
    1,
    [
      [{ jti: 1, iat: 0, exp: 200 }, FULL],
      [{ jti: 2, iat: SKEW + 1, exp: 200 }, "ok"],
    ],
    0,
  );
  add("clock-back", "a clock that is set back opens nothing again", ["store:clock", "store:keep"], 1000, [
    [{ now: 0, jti: 1, exp: 100 }, "ok"],
    [{ now: 300, jti: 2, exp: 400 }, "ok"],
    [{ now: 0, jti: 1, exp: 100 }, FULL],
    [{ now: 0, jti: 3, exp: 300 - 2 * SKEW }, FULL],
    [{ now: 0, jti: 4, exp: 301 - 2 * SKEW }, "ok"],
    [{ now: 0, jti: 2, exp: 400 }, REPLAY],
  ]);
  add("no-start", "without a start nothing is refused for its age", ["store:start"], 1000, [
    [{ jti: 1, iat: -3600, exp: 200 }, "ok"],
    [{ jti: 1, iat: -3600, exp: 200 }, REPLAY],
  ]);
  return group;
}

export const generate: Generator = () => [...windowGroups(), keys(), stores()];
