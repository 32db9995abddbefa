import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ErrorCode, Stage } from "../../src/registry.generated.ts";
import { settle } from "../support/clock.ts";
import { other, ROLES, type Role, released } from "../support/live.ts";
import { type Claims, Puppet } from "../support/puppet.ts";
import { b64u, fromFull, toFull, unb64u } from "../support/raw.ts";
import { type AttemptOptions, attempt, cut, HOLDER, resumable, resume, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

type Hello = { header: Claims; payload: Claims };

/** Changes a hello and makes its MAC anew. */
function rewrite(
  wire: "text" | "binary",
  text: string,
  chain: Uint8Array,
  side: "c" | "s",
  edit: (h: Hello) => unknown,
) {
  const [header, payload] = text
    .split(".")
    .slice(0, 2)
    .map((s) => JSON.parse(unb64u(s).toString())) as [Claims, Claims];
  const hello = { header, payload };
  const broken = edit(hello) === "broken";
  const key = createHmac("sha256", chain).update(`sealwire1 rs ${side}`).digest();
  const input = [hello.header, hello.payload].map((o) => b64u(Buffer.from(JSON.stringify(o)))).join(".");
  const mac = createHmac("sha256", key).update(input).digest();
  if (broken) mac[0] = (mac[0] as number) ^ 1;
  return toFull(wire, `${input}.${b64u(mac)}`);
}

async function refused(
  role: Role,
  options: AttemptOptions,
  code: ErrorCode,
  stage?: Stage,
  made = resumable({ codec: "json" }),
) {
  const { pair, got, client } = await made;
  await client.send("t", 1);
  await sessionOf(pair, "server").send("t", 1);
  await settle();
  await cut(pair);
  const waiting = client.send("t", 2);
  const chain = client.life.ledger.chains[0]!;
  const tried = attempt(pair, options);
  await settle();
  expect(tried[role].info?.error).toMatchObject({ code, ...(stage === undefined ? {} : { stage }) });
  expect(tried[other(role)].info).toBeDefined();
  // The session is as it was: the next attempt succeeds.
  expect([client.state, sessionOf(pair, "server").state]).toEqual(["reconnecting", "reconnecting"]);
  await resume(pair, { chain });
  await waiting;
  await settle();
  expect(got.server).toEqual([1, 2]);
  await client.close();
  await released(pair);
}

describe("a resume CH that is refused [resume:attempt]", () => {
  const ch = (edit: (h: Hello) => unknown, chain: () => Uint8Array): AttemptOptions => ({
    onLink: (link) => {
      link.tap = (direction, payload, index) =>
        direction === "c2s" && index === 0 ? [rewrite("binary", fromFull(payload), chain(), "c", edit)] : [payload];
    },
  });

  const rows: [string, (h: Hello) => unknown, ErrorCode, Stage][] = [
    ["nothing changed but the MAC [resume:mac]", () => "broken", "E_CRYPTO", "crypto"],
    [
      "an unknown kid [resume:kid]",
      (h) => Object.assign(h.header, { kid: b64u(Buffer.alloc(16)) }),
      "E_RESUME",
      "header",
    ],
    ["another alg", (h) => Object.assign(h.header, { alg: "HS512" }), "E_ALG", "header"],
    [
      "rcv above what the server sent [resume:same]",
      (h) => Object.assign(h.payload, { rs: { rcv: 99 } }),
      "E_RESUME",
      "session",
    ],
    [
      "two suites [resume:same]",
      (h) =>
        Object.assign(h.payload, {
          st: ["x25519", "p256"],
          kex: [...(h.payload.kex as Claims[]), ...(h.payload.kex as Claims[])],
        }),
      "E_RESUME",
      "session",
    ],
    ["another lim [resume:same]", (h) => Object.assign(h.payload, { lim: { msg: 65_536 } }), "E_RESUME", "session"],
    [
      "ath without a token at the upgrade [resume:token]",
      (h) => Object.assign(h.payload, { ath: b64u(Buffer.alloc(32)) }),
      "E_RESUME",
      "session",
    ],
    ["no rs", (h) => Reflect.deleteProperty(h.payload, "rs"), "E_CLAIMS", "claims"],
    [
      "a key that is none",
      (h) => Object.assign((h.payload.kex as Claims[])[0] as Claims, { x: b64u(Buffer.alloc(32)) }),
      "E_KEY",
      "claims",
    ],
  ];
  it.each(rows)("%s", async (_, edit, code, stage) => {
    const made = resumable({ codec: "json" });
    const { pair } = await made;
    const chain = pair.keys.get("chain")!;
    await refused(
      "server",
      ch(edit, () => chain),
      code,
      stage,
      made,
    );
  });

  it("rcv below one that was said before [resume:same]", async () => {
    const made = resumable({ codec: "json" });
    const { pair, client } = await made;
    const chain = pair.keys.get("chain")!;
    await sessionOf(pair, "server").send("t", 1);
    await settle();
    await pair.clock.advance(2000);
    expect(client.life.ledger.committed).toBe(1);
    expect(sessionOf(pair, "server").life.ledger.acknowledged).toBe(1);
    await refused(
      "server",
      ch(
        (h) => Object.assign(h.payload, { rs: { rcv: 0 } }),
        () => chain,
      ),
      "E_RESUME",
      "session",
      made,
    );
  });

  const ath = (token: string) => b64u(createHash("sha256").update(token).digest());
  it.each([
    ["without ath", undefined, {}],
    ["with the hash of another", ath("another"), {}],
    ["of another client", ath("up"), { admits: () => false }],
    ["that is not acceptable", ath("up"), { reject: true }],
  ] as const)("a token at the upgrade %s [resume:token]", async (_, hash, more) => {
    const { admits, reject } = { admits: undefined, reject: false, ...more } as {
      admits?: () => boolean;
      reject: boolean;
    };
    const server = {
      upgradeToken: "up",
      ...(reject ? { verifyToken: () => Promise.reject(new Error("revoked")) } : {}),
    };
    await refused(
      "server",
      { server, ...(hash ? { ath: hash } : {}), ...(admits ? { admits } : {}) },
      "E_RESUME",
      "session",
    );
  });

  it.each([
    ["is not admitted any more", () => false, "E_FORBIDDEN"],
    ["is not plainly admitted", () => "yes", "E_FORBIDDEN"],
    ["is not admitted, as is found out later", () => Promise.resolve(false), "E_FORBIDDEN"],
    ["cannot be asked about", () => Promise.reject(new Error("down")), "E_INTERNAL"],
  ] as [string, () => unknown, ErrorCode][])("a principal that %s [resume:admit]", async (_, answer, code) => {
    const asked: unknown[] = [];
    const admit = (token: unknown) => {
      asked.push(token);
      return answer() as boolean;
    };
    await refused("server", { server: { admit } }, code, code === "E_FORBIDDEN" ? "claims" : undefined);
    expect(asked).toEqual([HOLDER]);
  });

  it("and nobody is asked about a principal whose chain is not shown [resume:admit]", async () => {
    let asked = 0;
    const admit = () => ++asked > 0;
    const made = resumable({ codec: "json" });
    const { pair } = await made;
    const chain = pair.keys.get("chain")!;
    const broken = ch(
      () => "broken",
      () => chain,
    );
    await refused("server", { server: { admit }, ...broken }, "E_CRYPTO", "crypto", made);
    expect(asked).toBe(0);
  });

  it("and one of the same client is taken [resume:token]", async () => {
    const { pair, client } = await resumable();
    await cut(pair);
    await resume(pair, { server: { upgradeToken: "up" }, ath: ath("up") });
    await client.close();
    await released(pair);
  });
});

describe("a resume SH that is refused [resume:attempt]", () => {
  const rows: [string, (h: Hello) => unknown, ErrorCode][] = [
    ["MAC [resume:sh-mac]", () => "broken", "E_SIG_SERVER"],
    ["another header [resume:sh-header]", (h) => Object.assign(h.header, { cty: "x" }), "E_HEADER"],
    ["another suite [resume:sh-same]", (h) => Object.assign(h.payload, { st: "p256" }), "E_NEGOTIATE"],
    ["another level [resume:sh-same]", (h) => Object.assign(h.payload, { lvl: "mac" }), "E_NEGOTIATE"],
    ["another codec [resume:sh-same]", (h) => Object.assign(h.payload, { cod: "cbor" }), "E_NEGOTIATE"],
    [
      "another policy [resume:sh-same]",
      (h) => Object.assign(h.payload, { pol: { ...(h.payload.pol as Claims), res: 1 } }),
      "E_NEGOTIATE",
    ],
    ["another lim [resume:sh-same]", (h) => Object.assign(h.payload, { lim: { msg: 65_536 } }), "E_NEGOTIATE"],
    [
      "rcv above what the client sent [resume:sh-rcv]",
      (h) => Object.assign(h.payload, { rs: { rcv: 99 } }),
      "E_RESUME",
    ],
    ["another th", (h) => Object.assign(h.payload, { th: b64u(Buffer.alloc(32)) }), "E_TRANSCRIPT"],
    ["another prt", (h) => Object.assign(h.payload, { prt: "sealwire.v1.text" }), "E_DOWNGRADE"],
  ];
  it.each(rows)("%s", async (_, edit, code) => {
    const made = resumable({ codec: "json" });
    const chain = (await made).pair.keys.get("chain")!;
    const onLink: AttemptOptions["onLink"] = (link) => {
      link.tap = (direction, payload, index) =>
        direction === "s2c" && index === 0 ? [rewrite("binary", fromFull(payload), chain, "s", edit)] : [payload];
    };
    await refused("client", { onLink }, code, undefined, made);
  });
});

describe("a `resumed` that is refused [resume:attempt]", () => {
  type Forge = (puppet: Puppet, rcv: number) => ReturnType<Puppet["control"]>;
  const rows: [string, Forge, ErrorCode][] = [
    ["an application message [resume:first]", (p) => p.message(), "E_HEADER"],
    ["another number [resume:first]", (p, rcv) => p.control({ seq: 1, top: "resumed", rcv }, { seq: 1 }), "E_SEQ"],
    ["another number inside", (p, rcv) => p.control({ seq: 1, top: "resumed", rcv }, { seq: 0 }), "E_SEQ"],
    ["ack [resume:first]", (p, rcv) => p.control({ seq: 0, top: "ack", rcv }, { seq: 0 }), "E_CLAIMS"],
    [
      "another rcv than that of CH [resume:rcv]",
      (p, rcv) => p.control({ seq: 0, top: "resumed", rcv: rcv + 1 }, { seq: 0 }),
      "E_SEQ",
    ],
    [
      "exp and scp of a client",
      (p, rcv) => p.control({ seq: 0, top: "resumed", exp: 1, scp: [], rcv }, { seq: 0 }),
      "E_CLAIMS",
    ],
  ];
  it.each(rows)("%s", async (_, forge, code) => {
    const made = resumable({ codec: "json" });
    const { pair } = await made;
    const onLink: AttemptOptions["onLink"] = (link) => {
      link.tap = (direction, payload, index) => {
        if (direction !== "c2s" || index !== 1) return [payload];
        const puppet = new Puppet({ ...pair, link }, "client");
        void Promise.resolve(forge(puppet, sessionOf(pair, "client").life.ledger.committed)).then((forged) =>
          link.inject("c2s", forged),
        );
        return [];
      };
    };
    await refused("server", { onLink }, code, undefined, made);
  });

  it.each([
    ["without rights", { seq: 0, top: "resumed", rcv: 1 }, "E_CLAIMS"],
    ["with an rcv below that of SH", { seq: 0, top: "resumed", exp: 2e9, scp: [], rcv: 0 }, "E_SEQ"],
    ["with an rcv above what was sent", { seq: 0, top: "resumed", exp: 2e9, scp: [], rcv: 9 }, "E_SEQ"],
  ] as const)("of a server %s", async (_, message, code) => {
    const { pair, client, server } = await resumable({ codec: "json" });
    await client.send("t", 1);
    await settle();
    await cut(pair);
    const tried = attempt(pair, {
      onLink: (link) => {
        link.tap = (direction, payload, index) => {
          if (direction !== "s2c" || index !== 1) return [payload];
          const puppet = new Puppet({ ...pair, link }, "server");
          void puppet.control(message, { seq: 0 }).then((forged) => link.inject("s2c", forged));
          return [];
        };
      },
    });
    await settle();
    expect(tried.client.info?.error?.code).toBe(code);
    expect(client.state).toBe("reconnecting");
    await resume(pair);
    expect([client.state, server.state]).toEqual(["open", "open"]);
    await client.close();
    await released(pair);
  });

  it.each(ROLES)("a second one, and number 0, end the session of the %s [resume:once]", async (role) => {
    for (const message of [
      { top: "resumed", exp: 2e9, scp: [], rcv: 0, seq: 1 },
      { top: "ack", rcv: 0, seq: 0 },
    ]) {
      const { pair } = await resumable({ codec: "json" });
      await cut(pair);
      const made = await resume(pair);
      const puppet = new Puppet({ ...pair, link: made.link }, other(role));
      puppet.deliver(await puppet.control(message, { seq: message.seq }));
      await settle();
      expect(made[role].info?.error?.code).toBe("E_SEQ");
      expect(sessionOf(pair, role).state).toBe("closed");
      await released(pair);
    }
  });
});
