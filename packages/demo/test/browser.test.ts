import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { buildPage } from "../build.mjs";
import { ATTACKS } from "../src/attacks/index.ts";
import { type Bot, startBot } from "../src/bot.ts";
import { eventually, type TestDemo, testDemo } from "./support.ts";

const executablePath = process.env.SEALWIRE_CHROMIUM;
if (!executablePath) {
  console.warn(
    "\n  SKIPPED: no test of the page in a browser. Set SEALWIRE_CHROMIUM to a Chromium, or run `npm test`.\n",
  );
}

const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describe.skipIf(!executablePath)("the page in Chromium (SEALWIRE_CHROMIUM)", () => {
  let demo: TestDemo;
  let bot: Bot;
  let browser: Browser;
  let assets: string;
  /** What the pages said to the console: nothing is expected, a violated policy least of all. */
  const complaints: string[] = [];

  beforeAll(async () => {
    assets = mkdtempSync(join(tmpdir(), "sealwire-page-"));
    await buildPage(assets);
    demo = await testDemo({ assets: pathToFileURL(`${assets}/`) });
    bot = await startBot(demo.config);
    browser = await chromium.launch({ executablePath: executablePath!, args: QUIET });
  });
  afterEach(async () => {
    demo.relay.plug();
    for (const context of browser.contexts()) await context.close();
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await bot?.close();
    await demo?.end();
    rmSync(assets, { recursive: true, force: true });
  });

  async function open(user: string, choose: { wire?: string; level?: string; width?: number } = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: choose.width ?? 1280, height: 900 } });
    page.on("console", (m) => m.type() !== "log" && complaints.push(`${m.type()}: ${m.text()}`));
    page.on("pageerror", (e) => complaints.push(`error: ${e.message}`));
    await page.goto(demo.app.origin);
    await page.selectOption("#user", user);
    if (choose.wire) await page.selectOption("#wire", choose.wire);
    if (choose.level) await page.selectOption("#level", choose.level);
    await page.click("#connect");
    await page.waitForSelector("#text:enabled");
    await page.locator("#messages").getByText(`Sealed session as ${user}.`).first().waitFor();
    return page;
  }

  /** In the chat, that is: at the levels that only sign, the relay's record shows the same text. */
  const heard = (page: Page, text: string) =>
    page.locator("#messages").getByText(text, { exact: true }).last().waitFor();

  async function say(page: Page, text: string): Promise<void> {
    await page.fill("#text", text);
    await page.keyboard.press("Enter");
  }

  test("two tabs talk with each other and with the bot, at every level and on both wires", async () => {
    const bob = await open("bob");
    for (const level of ["aead", "mac", "sig", "nest"]) {
      for (const wire of ["text", "binary"]) {
        const alice = await open("alice", { level, wire });
        await say(alice, `@bot hello by ${level} on ${wire}`);
        await heard(bob, `@bot hello by ${level} on ${wire}`);
        await heard(alice, `@alice You wrote: hello by ${level} on ${wire}`);
        await say(bob, `seen, ${level} ${wire}`);
        await heard(alice, `seen, ${level} ${wire}`);
        expect(await alice.textContent("#fact-level")).toBe(level);
        await alice.close();
      }
    }
    await eventually(async () => (await bob.textContent("#members")) === "Here: bob (you), bot");
  }, 90_000);

  test("says where the keys come from: from the page's origin, not through the relay", async () => {
    const page = await open("alice");
    const text = (await page.textContent(".path")) ?? "";
    expect(text).toContain(`pinned from ${new URL(demo.app.origin).host}`);
    expect(text).toContain("not through the relay");
    expect(text).toContain(new URL(demo.relay.url).host);
  });

  test("what peers send is text, never markup", async () => {
    const bob = await open("bob");
    const alice = await open("alice");
    await say(alice, '<img src=x onerror="document.title=1"><b>bold</b>');
    await heard(bob, '<img src=x onerror="document.title=1"><b>bold</b>');
    expect(await bob.locator(".messages img, .messages b").count()).toBe(0);
  });

  test("the wire view shows a frame as hex, as JOSE, and opened, by mouse and by keyboard", async () => {
    const page = await open("alice", { wire: "binary" });
    await say(page, "Nobody between reads this.");
    const sent = page.locator("#frames [role=option]", { hasText: "Message" }).nth(-2);
    await heard(page, "Nobody between reads this.");
    await eventually(async () => (await page.locator("#frames [role=option]").count()) > 6);
    const claims = await eventually(async () => {
      for (const row of await page.locator("#frames [role=option]").all()) {
        await row.click();
        await page.click("#tab-claims");
        const shown = (await page.textContent("#detail")) ?? "";
        if (shown.includes('"chat.say"')) return shown;
      }
      return undefined;
    });
    expect(claims).toContain("Nobody between reads this.");
    expect(claims).toContain("Sealed by this page");
    await page.focus("#tab-claims");
    await page.keyboard.press("ArrowLeft");
    const jose = (await page.textContent("#detail")) ?? "";
    expect(jose).toContain("session.expand()");
    expect(jose).toContain('"alg": "dir"');
    expect(jose).not.toContain("Nobody between");
    await page.keyboard.press("ArrowLeft");
    const hex = (await page.textContent(".hex")) ?? "";
    expect(hex).toMatch(/^0000 {2}84 03 00/);
    expect(hex).not.toContain("Nobody");
    await page.focus("#frames");
    await page.keyboard.press("Home");
    await page.keyboard.press("End");
    expect(await page.locator("#frames [aria-selected=true]").count()).toBe(1);
    expect(await sent.count()).toBe(1);
  });

  test.each(["text", "binary"])(
    "every attack of the bench is refused as it must be, on the %s wire",
    async (wire) => {
      const page = await open("alice", { wire });
      await page.click("#run-all");
      for (const { id, title } of ATTACKS) {
        const card = page.locator(`#attack-${id}`);
        await card.locator(".verdict").waitFor({ timeout: 15_000 });
        const survives = id === "cut" || id === "forged-close";
        const verdict = survives ? "✓ Survived, nothing is lost" : "✓ Refused as it must be";
        expect(await card.locator(".verdict").textContent(), title).toBe(verdict);
        expect(await card.locator("dl").textContent(), title).toContain("Recoveredyes");
      }
      await page.waitForSelector("#run-all:enabled");
      await say(page, "still here");
      await heard(page, "still here");
    },
    60_000,
  );

  test("a bit flipped by the relay is refused by the server with E_CRYPTO and 4501, and nobody hears the message", async () => {
    const bob = await open("bob");
    const alice = await open("alice");
    await alice.click("#attack-tamper button");
    await alice.locator("#attack-tamper .verdict").waitFor();
    const shown = (await alice.textContent("#attack-tamper dl")) ?? "";
    expect(shown).toContain("Refused byserver");
    expect(shown).toContain("E_CRYPTO at step crypto");
    expect(shown).toContain("Close code4501");
    expect(shown).toContain("Sessionended; a new one took its place");
    await alice.locator("#messages").getByText("Not known whether they arrived").waitFor();
    expect(await alice.locator("#undetermined li").count()).toBe(1);
    await alice.locator("#frames .fate.changed").waitFor();
    await say(alice, "after the attack");
    await heard(bob, "after the attack");
    expect(await bob.locator("#messages").getByText("under attack").count()).toBe(0);
  });

  test("a file of 5 MB reaches the bot and another tab with the same SHA-256", async () => {
    const bob = await open("bob", { wire: "binary" });
    const alice = await open("alice");
    const buffer = randomBytes(5 * 1024 * 1024 + 3);
    await alice.setInputFiles("#file", { name: "holiday.bin", mimeType: "application/octet-stream", buffer });
    await alice.getByText("Sent; the server's SHA-256 matches").waitFor();
    await alice.locator("#messages").getByText("and it matches").waitFor();
    await bob.getByRole("button", { name: "Receive" }).click();
    await bob.getByText("Received; SHA-256 matches").waitFor();
    const hash = await alice.textContent("#transfers .hash");
    expect(await bob.textContent("#transfers .hash")).toBe(hash);
    const [saved] = await Promise.all([bob.waitForEvent("download"), bob.getByText("Save").click()]);
    expect(saved.suggestedFilename()).toBe("holiday.bin");
  });

  test("a file dropped on the zone arrives with the same SHA-256", async () => {
    const bob = await open("bob");
    const alice = await open("alice");
    const content = randomBytes(300_001);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const transfer = await alice.evaluateHandle((base64) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "dropped.bin", { type: "application/octet-stream" }));
      return data;
    }, content.toString("base64"));
    await alice.dispatchEvent("#drop", "dragover", { dataTransfer: transfer });
    expect(await alice.locator("#drop[data-over]").count()).toBe(1);
    await alice.dispatchEvent("#drop", "drop", { dataTransfer: transfer });
    await alice.getByText("Sent; the server's SHA-256 matches").waitFor();
    expect(await alice.textContent("#transfers .hash")).toBe(sha256);
    expect(await alice.locator("#drop[data-over]").count()).toBe(0);
    const row = bob.locator("#transfers li", { hasText: "dropped.bin" });
    await row.getByRole("button", { name: "Receive" }).click();
    await row.getByText("Received; SHA-256 matches").waitFor();
    expect(await row.locator(".hash").textContent()).toBe(sha256);
  });

  test("an aborted file leaves nothing", async () => {
    const before = await demo.server.files.contents();
    const page = await open("alice");
    const file = join(assets, "long.bin");
    writeFileSync(file, Buffer.alloc(50 * 1024 * 1024));
    await page.setInputFiles("#file", file);
    await page.getByText("Sending:").waitFor();
    expect((await demo.server.files.contents()).uploads).toBe(1);
    await page.getByRole("button", { name: "Abort" }).click();
    await page.getByText("Aborted; nothing is kept on either side").waitFor();
    expect(await demo.server.files.contents()).toEqual(before);
    await say(page, "the session goes on");
    await heard(page, "the session goes on");
  });

  test("a user without the scope is told so, and the session goes on", async () => {
    const page = await open("carol");
    await page.setInputFiles("#file", { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") });
    await page.getByText("E_DENIED").first().waitFor();
    await say(page, "still talking");
    await heard(page, "still talking");
  });

  const row = (page: Page, user: string) => page.locator(`#user-${user}`);
  const fact = (page: Page, id: string, text: string) =>
    page.locator(`#life-${id}`).getByText(text, { exact: true }).waitFor({ timeout: 15_000 });
  /** Where a test pulls the cable or revokes, the browser itself says so on the console. */
  const expectComplaints = (pattern: RegExp) => {
    const others = complaints.splice(0).filter((text) => !pattern.test(text));
    complaints.push(...others);
  };

  test("a role taken away counts from the next token, at once with “Apply now”, and comes back the same way", async () => {
    const operator = await open("bob");
    const page = await open("alice");
    const sendFile = () =>
      page.setInputFiles("#file", { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") });
    const box = operator.getByRole("group", { name: "Roles of alice" }).getByLabel("Send and receive files");
    await box.uncheck();
    await row(operator, "alice").getByText("Counts from the next token.").waitFor();
    await sendFile();
    await page.getByText("Sent; the server's SHA-256 matches").waitFor();
    await operator.getByRole("button", { name: "Apply now to alice" }).click();
    await page.locator("#messages").getByText("The token of alice was revoked. Signing in again…").waitFor();
    await page.locator("#messages").getByText("Sealed session as alice.").nth(1).waitFor();
    await sendFile();
    await page.locator("#transfers").getByText("E_DENIED").waitFor();
    await say(page, "I may still write");
    await heard(operator, "I may still write");
    await box.check();
    await operator.getByRole("button", { name: "Apply now to alice" }).click();
    await page.locator("#messages").getByText("Sealed session as alice.").nth(2).waitFor();
    await sendFile();
    await page.locator("#transfers .good").nth(1).waitFor();
  });

  test("a revoked user is cut off with 4403 and kept out, until the operator admits the user again", async () => {
    const operator = await open("bob");
    const page = await open("carol");
    await operator.getByRole("button", { name: "Revoke carol" }).click();
    await page.locator("#messages").getByText("Session ended: E_REVOKED, close code 4403.").waitFor();
    await page.locator("#messages").getByText("The issuer gives carol no token.").waitFor();
    await row(operator, "carol").getByText("revoked").waitFor();
    await page.click("#connect");
    await page.locator("#messages").getByText("The issuer gives carol no token.").nth(1).waitFor();
    await operator.getByRole("button", { name: "Admit carol again" }).click();
    await row(operator, "carol").getByText("no session").waitFor();
    await page.click("#connect");
    await page.locator("#messages").getByText("Sealed session as carol.").nth(1).waitFor();
    expectComplaints(/status of 400/);
  });

  test.each(["Unplug", "Unplug in silence"])(
    "%s: a file and the messages said meanwhile arrive once, when the cable is plugged in again",
    async (how) => {
      const bob = await open("bob");
      const alice = await open("alice", { wire: "binary" });
      const buffer = randomBytes(12 * 1024 * 1024);
      await alice.setInputFiles("#file", { name: "long.bin", mimeType: "application/octet-stream", buffer });
      await alice.getByText("Sending:").waitFor();
      await alice.getByRole("button", { name: how, exact: true }).click();
      for (const n of [1, 2, 3]) await say(alice, `${how}, said without a connection ${n}`);
      if (how === "Unplug") {
        await fact(alice, "state", "reconnecting");
        await alice.getByText("Reconnecting…").waitFor();
        await row(alice, "bob").getByText("reconnecting").waitFor();
      }
      await alice.getByRole("button", { name: "Plug in", exact: true }).click();
      await fact(alice, "state", "open");
      await fact(alice, "resumed", "once");
      await fact(alice, "replaced", "never");
      await alice.getByText("Sent; the server's SHA-256 matches").waitFor();
      const sha256 = createHash("sha256").update(buffer).digest("hex");
      expect(await alice.textContent("#transfers .hash")).toBe(sha256);
      await heard(bob, `${how}, said without a connection 3`);
      const said = await bob.locator("#messages").getByText(`${how}, said without`).allTextContents();
      expect(said).toEqual([1, 2, 3].map((n) => `${how}, said without a connection ${n}`));
      expectComplaints(/WebSocket connection to .* failed/);
    },
    60_000,
  );

  test("the wire view shows a resume, and opens what is sent after it", async () => {
    const page = await open("alice", { wire: "binary" });
    for (const n of [1, 2, 3]) await say(page, `before ${n}`);
    await heard(page, "before 3");
    demo.relay.unplug("cut");
    demo.relay.plug();
    await fact(page, "resumed", "once");
    for (const title of ["Client hello, resumes", "Server hello, resumes"])
      await page.locator("#frames").getByText(title).waitFor();
    await say(page, "after the cut");
    await heard(page, "after the cut");
    await page.click("#tab-claims");
    await eventually(async () => {
      for (const sent of (await page.locator("#frames [role=option]", { hasText: "Message" }).all()).reverse()) {
        await sent.click();
        const shown = (await page.textContent("#detail")) ?? "";
        if (shown.includes('"chat.say"') && shown.includes("after the cut")) return true;
      }
      return false;
    });
    expectComplaints(/WebSocket connection to .* failed/);
  });

  test("the server is restarted under a file, which arrives whole; keys are renewed on the way", async () => {
    const alice = await open("alice", { wire: "binary" });
    const buffer = randomBytes(12 * 1024 * 1024);
    await alice.setInputFiles("#file", { name: "long.bin", mimeType: "application/octet-stream", buffer });
    await alice.getByText("Sending:").waitFor();
    await alice.getByRole("button", { name: "Renew keys now" }).click();
    await fact(alice, "epochs", "epoch 1");
    await alice.getByRole("button", { name: "Restart the server" }).click();
    await alice.getByText("Sent; the server's SHA-256 matches").waitFor();
    const sha256 = createHash("sha256").update(buffer).digest("hex");
    expect(await alice.textContent("#transfers .hash")).toBe(sha256);
    await alice.getByText("Started 2 times.").waitFor();
    await fact(alice, "resumed", "once");
    await fact(alice, "replaced", "never");
    await say(alice, "after the restart");
    await heard(alice, "after the restart");
    expectComplaints(/WebSocket connection to .* failed/);
  }, 60_000);

  test("the operator's panel is worked by keyboard alone", async () => {
    const page = await open("alice");
    await page.focus("#role-carol-files");
    await page.keyboard.press("Space");
    await row(page, "carol").getByRole("checkbox", { checked: true }).nth(1).waitFor();
    expect(demo.accounts.find("carol").roles).toEqual(["chat.write", "files"]);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("role-carol-files");
    await page.keyboard.press("Space");
    await eventually(() => demo.accounts.find("carol").roles.length === 1);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Revoke");
  });

  test("fits a phone: one view at a time, nothing wider than the screen", async () => {
    const page = await open("alice", { width: 390 });
    for (const view of ["Wire", "Life", "Attacks", "Chat"]) {
      await page.getByRole("button", { name: view, exact: true }).click();
      expect(await page.locator("main > .panel:visible").count()).toBe(1);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    }
  });
});
