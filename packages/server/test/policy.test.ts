import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type AuthorizeContext, type PolicyRule, policy } from "../src/index.ts";
import { token } from "./support/keys.ts";
import { contextOf } from "./support/policy.ts";
import { failure, startWorld } from "./support/world.ts";

/** Whether one rule, open to anyone, is about this topic. */
const matches = (topics: string, topic: string, subject = "alice") =>
  policy([{ topics, anyone: true }])(contextOf({ topic, subject }));
const grants = (
  rule: Omit<PolicyRule, "topics">,
  claims: Record<string, unknown>,
  over: Partial<AuthorizeContext> = {},
) => policy([{ topics: "**", ...rule }])(contextOf({ claims, ...over }));

describe("topic patterns", () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ["chat.say", ["chat.say"], ["chat.sa", "chat.say.x", "Chat.say", "chat/say", "xchat.say", "chat.say.", "chatxsay"]],
    ["chat.*", ["chat.a", "chat.a-b_c"], ["chat", "chat.", "chat.a.b", "chat/a", "chat.a/b", "chat.a:b"]],
    ["*", ["a", "A-1"], ["a.b", "a/b", "a:b"]],
    ["*.*", ["a.b"], ["a", "a.", ".a", "a.b.c", "a/b"]],
    ["chat.*.in", ["chat.a.in"], ["chat..in", "chat.a.b.in", "chat.a.out"]],
    ["chat.**", ["chat.a", "chat.a.b/c:d", "chat.."], ["chat", "chat.", "chats.a", "chat/a", "xchat.a"]],
    ["**", ["a", "a.b/c", "."], []],
    ["room/*/log:**", ["room/1/log:a.b"], ["room/1/log:", "room.1.log:a", "room/1/2/log:a"]],
    ["a..b", ["a..b"], ["a.x.b", "a.b"]],
  ])("%s", (pattern, yes, no) => {
    expect(yes.filter((topic) => matches(pattern, topic) !== true)).toEqual([]);
    expect(no.filter((topic) => matches(pattern, topic) !== false)).toEqual([]);
  });

  it.each([
    ["alice", "user.alice.inbox", true],
    ["alice", "user.Alice.inbox", false],
    ["alice", "user.alicex.inbox", false],
    ["", "user..inbox", false],
    ["*", "user.bob.inbox", false],
    ["**", "user.bob.inbox", false],
    ["{sub}", "user.bob.inbox", false],
    ["alice.inbox", "user.alice.inbox", false],
    ["a.b", "user.a.b.inbox", false],
    ["a/b", "user.a/b.inbox", false],
    [".*", "user.bob.inbox", false],
    ["alice@chat.example", "user.alice.inbox", false],
  ])("{sub} is the subject %j exactly: %s", (subject, topic, owns) => {
    expect(matches("user.{sub}.inbox", topic, subject)).toBe(owns);
  });

  it("a subject owns what is below it, and nobody else's", () => {
    expect(matches("user.{sub}.**", "user.a.b.inbox", "a")).toBe(true);
    expect(matches("user.{sub}.**", "user.a.b.inbox", "a.b")).toBe(false);
  });

  it.each([
    "",
    "a b",
    "chat.*x",
    "c*t",
    "**.a",
    "a.**.b",
    "***",
    "{sub",
    "{iss}",
    "a{sub}",
    "[a]",
    "a?",
    "ä",
    "a.+",
    "a\n",
  ])("%j is a TypeError", (topics) => {
    expect(() => policy([{ topics, anyone: true }])).toThrow(TypeError);
  });
});

describe("conditions", () => {
  it.each(["roles", "groups", "entitlements"] as const)("%s: an array or one string, exactly", (name) => {
    const rule = { [name]: ["admin", "ops team"] };
    for (const claim of ["admin", ["admin"], ["x", "ops team"], [1, null, "admin"]]) {
      expect(grants(rule, { [name]: claim })).toBe(true);
    }
    const wrong = [
      "Admin",
      "admin x",
      "x admin",
      "ops",
      "admin,x",
      [],
      [["admin"]],
      [{ value: "admin" }],
      { admin: true },
    ];
    for (const claim of [...wrong, { 0: "admin", length: 1 }, true, 1, null, undefined]) {
      expect(grants(rule, { [name]: claim })).toBe(false);
    }
    expect(grants(rule, {})).toBe(false);
  });

  it("scope: one of the scopes of the principal, whole", () => {
    const rule = { scope: ["chat.write", "chat.admin"] };
    const scopes = (...s: string[]) => grants(rule, {}, { principal: contextOf({ scopes: s }).principal });
    expect([scopes("chat.write"), scopes("x", "chat.admin")]).toEqual([true, true]);
    expect([scopes(), scopes("chat"), scopes("chat.write chat.admin"), scopes("chat.writer")]).toEqual(
      Array(4).fill(false),
    );
  });

  it("claim: own members of objects on the path, nothing inherited, no elements", () => {
    const rule = { claim: { path: ["resource_access", "chat.app", "roles"], any: "editor" } };
    const at = (value: unknown) => ({ resource_access: { "chat.app": { roles: value } } });
    expect([grants(rule, at(["editor"])), grants(rule, at("editor"))]).toEqual([true, true]);
    const others = [at(undefined), {}, { resource_access: [] }, { resource_access: "x" }, { resource_access: null }];
    for (const claims of [...others, { resource_access: Object.create({ "chat.app": { roles: "editor" } }) }]) {
      expect(grants(rule, claims)).toBe(false);
    }
    expect(grants({ claim: { path: ["constructor", "name"], any: "Object" } }, {})).toBe(false);
    expect(grants({ claim: { path: ["list", "0"], any: "a" } }, { list: ["a"] })).toBe(false);
    expect(grants({ claim: { path: ["text", "length"], any: "1" } }, { text: "a" })).toBe(false);
  });

  it("direction, kind and issuer", () => {
    for (const direction of ["in", "out"] as const) {
      expect(grants({ direction: "in", anyone: true }, {}, { direction })).toBe(direction === "in");
    }
    for (const kind of ["message", "request"] as const) {
      expect(grants({ kind: "request", anyone: true }, {}, { kind })).toBe(kind === "request");
    }
    const { issuer } = contextOf({}).principal;
    expect([grants({ issuer }, {}), grants({ issuer: `${issuer}/` }, {})]).toEqual([true, false]);
  });

  it("when: only true, later too; asked last, and only where the rest holds; a throw goes to the server", async () => {
    const asked: unknown[] = [];
    const when = (answer: unknown) => (context: AuthorizeContext) => {
      asked.push(context.data);
      return answer as boolean;
    };
    const elsewhere = runInNewContext("Promise.resolve(true)");
    // biome-ignore lint/suspicious/noThenProperty: as little as a library may call a promise
    const least = (holds: boolean) => ({ then: (f: (holds: boolean) => void) => void queueMicrotask(() => f(holds)) });
    for (const answer of [true, Promise.resolve(true), elsewhere, least(true)]) {
      expect(await grants({ when: when(answer) }, {})).toBe(true);
    }
    let looks = 0;
    const turning = {
      // biome-ignore lint/suspicious/noThenProperty: a promise only when it is asked again
      get then() {
        return looks++ === 0 ? undefined : () => undefined;
      },
    };
    // biome-ignore lint/suspicious/noThenProperty: what it answers with is no answer
    const disguised = Object.assign(Promise.resolve(false), { then: () => true });
    for (const answer of [false, 1, "yes", {}, undefined, Promise.resolve(1), least(false), turning, disguised]) {
      expect(await grants({ when: when(answer) }, {})).toBe(false);
    }
    asked.length = 0;
    expect(grants({ roles: "admin", when: when(true) }, { roles: "user" })).toBe(false);
    expect(grants({ roles: "admin", when: when(true) }, { roles: "admin" }, { data: "d" })).toBe(true);
    expect(asked).toEqual(["d"]);
    const throws = () => {
      throw new Error("when");
    };
    expect(() => grants({ when: throws }, {})).toThrow("when");
  });

  it("all conditions of a rule, and one rule of all; none is denied", async () => {
    const one = { roles: "admin", scope: "write" };
    const { principal } = contextOf({ claims: { roles: "admin" }, scopes: ["read"] });
    expect(grants(one, {}, { principal })).toBe(false);
    const rules: PolicyRule[] = [
      { topics: "**", ...one },
      { topics: "**", when: async () => false },
      { topics: ["x", "chat.*"], roles: ["user", "admin"] },
    ];
    expect(await policy(rules)(contextOf({ principal }))).toBe(true);
    expect(await policy(rules.slice(0, 2))(contextOf({ principal }))).toBe(false);
    expect(policy([])(contextOf({ principal }))).toBe(false);
  });

  it("what is changed after the policy was made changes nothing", () => {
    const roles = ["admin"];
    const made = policy([{ topics: "**", roles }]);
    roles.push("user");
    expect(made(contextOf({ claims: { roles: "user" } }))).toBe(false);
  });

  it("thousands of rules are no depth", async () => {
    const never: PolicyRule = { topics: "x.*", anyone: true };
    const many = policy([...Array<PolicyRule>(20_000).fill(never), { topics: "**", anyone: true }]);
    expect(many(contextOf({}))).toBe(true);
  });
});

describe("malformed rules are TypeErrors that name them", () => {
  it.each<[string, unknown]>([
    ["no object", "chat.*"],
    ["null", null],
    ["no topics", { anyone: true }],
    ["empty topics", { topics: [], anyone: true }],
    ["a topic that is no string", { topics: [1], anyone: true }],
    ["an expression", { topics: /chat/, anyone: true }],
    ["nobody", { topics: "**" }],
    ["nobody, with a direction", { topics: "**", direction: "in", kind: "message" }],
    ["a member that is unknown", { topics: "**", anyone: true, role: "admin" }],
    ["a condition that went missing", { topics: "**", anyone: true, scope: undefined }],
    ["an empty list", { topics: "**", roles: [] }],
    ["an empty string", { topics: "**", scope: "" }],
    ["an empty string in a list", { topics: "**", groups: ["a", ""] }],
    ["a number", { topics: "**", entitlements: 1 }],
    ["another direction", { topics: "**", anyone: true, direction: "both" }],
    ["another kind", { topics: "**", anyone: true, kind: ["message"] }],
    ["a claim without path", { topics: "**", claim: { any: "a" } }],
    ["a path in one string", { topics: "**", claim: { path: "realm_access.roles", any: "a" } }],
    ["an empty path", { topics: "**", claim: { path: [], any: "a" } }],
    ["a claim without values", { topics: "**", claim: { path: ["a"] } }],
    ["a claim that is null", { topics: "**", claim: null }],
    ["when that is no function", { topics: "**", when: true }],
    ["anyone that is false", { topics: "**", anyone: false }],
    ["an issuer that is a URL", { topics: "**", issuer: new URL("https://idp.example") }],
  ])("%s", (_, rule) => {
    expect(() => policy([{ topics: "ok", anyone: true }, rule as PolicyRule])).toThrow(TypeError);
    expect(() => policy([{ topics: "ok", anyone: true }, rule as PolicyRule])).toThrow(/^policy: (rule 1|".*" in)/);
  });

  it("no list", () => {
    expect(() => policy({ rules: [] } as never)).toThrow(TypeError);
  });
});

describe("explain", () => {
  const rules = policy([
    { topics: "other.*", roles: "admin" },
    { topics: "chat.*", direction: "out", roles: "admin" },
    { topics: "chat.*", scope: "write", roles: "admin" },
    { topics: "chat.*", roles: "admin" },
    { topics: "chat.say", when: async ({ data }) => data === "please" },
  ]);

  it("names the rule that grants, and what the others lack", async () => {
    expect(await rules.explain(contextOf({ data: "please" }))).toEqual({
      granted: true,
      rule: 4,
      failed: [
        { rule: 2, condition: "scope" },
        { rule: 3, condition: "roles" },
      ],
    });
    expect(await rules.explain(contextOf({ claims: { roles: "admin" } }))).toMatchObject({ granted: true, rule: 3 });
    expect(await rules.explain(contextOf({ topic: "nope" }))).toEqual({ granted: false, rule: undefined, failed: [] });
  });

  it("shows neither claims nor data", async () => {
    const secret = "hunter2";
    const context = contextOf({ data: secret, claims: { roles: secret }, scopes: [secret], subject: secret });
    const said = await rules.explain(context);
    expect(said.granted).toBe(false);
    expect(JSON.stringify(said)).not.toContain(secret);
  });
});

describe("as the option authorize [auth:deny-default]", () => {
  it("decides for real tokens, in both directions", async () => {
    const authorize = policy([
      { topics: "chat.say", direction: "in", scope: "chat.write" },
      { topics: "user.{sub}.inbox", direction: "out", anyone: true },
      { topics: "admin.**", claim: { path: ["realm_access", "roles"], any: "admin" } },
    ]);
    const world = await startWorld({ authorize });
    for (const topic of ["chat.say", "admin.users.list", "user.alice.inbox"]) world.server.handle(topic, () => topic);
    const alice = await world.connect({ token: await token({ scope: "chat.write" }) });
    const [peer] = world.server.sessions;
    const root = await world.connect({
      token: await token({ sub: "root", scope: "", realm_access: { roles: ["admin"] } }),
    });

    expect(await alice.request("chat.say", 1)).toBe("chat.say");
    expect(await failure(alice.request("admin.users.list", 1))).toMatchObject({ code: "E_DENIED" });
    expect(await failure(alice.request("user.alice.inbox", 1))).toMatchObject({ code: "E_DENIED" });
    expect(await root.request("admin.users.list", 1)).toBe("admin.users.list");
    expect(await failure(root.request("chat.say", 1))).toMatchObject({ code: "E_DENIED" });
    await peer!.send("user.alice.inbox", 1);
    expect(await failure(peer!.send("user.root.inbox", 1))).toMatchObject({ code: "E_DENIED", remote: false });
  });
});
