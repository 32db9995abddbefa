import { createHash } from "node:crypto";
import { createServer as createHttp } from "node:http";
import { createTickets, type TicketRecord, type TicketStore } from "@sealwire/server";
import { createServerOn } from "@sealwire/server/internal";
import { calculateJwkThumbprint, exportJWK, SignJWT } from "jose";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { b64u, ISSUER, issuer, jktOf, jwksOf, proof, token } from "./support/keys.ts";
import { clock as machine, rawTcp, statusOf, upgradeRequest } from "./support/raw.ts";
import { listen, serverOptions } from "./support/world.ts";

/** Years away from the clock of this machine: what looks at that one refuses everything, or nothing. */
const AWAY = 200_000_000;

async function startAway(over: object) {
  const clock = { ...machine, away: AWAY, unix: () => Date.now() + clock.away * 1000 };
  const now = () => Math.floor(clock.unix() / 1000);
  const issue = (more: object = {}) => token({ iat: now(), exp: now() + 6000, ...more });
  const server = createServerOn({ clock, WebSocketServer }, serverOptions(over));
  const http = createHttp();
  server.attach(http);
  const port = await listen(http);
  onTestFinished(async () => {
    await server.close({ timeout: 200 });
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return { clock, now, issue, port, server };
}

describe("everything takes the time from the platform of the server", () => {
  it("[ticket:life] tickets", async () => {
    const holder: { now: () => number } = { now: Date.now };
    // One that never forgets: only the server looks at the time.
    const kept = new Map<string, TicketRecord>();
    const store: TicketStore = {
      put: (hash, record) => void kept.set(hash, record),
      take: (hash) => kept.get(hash),
    };
    const tickets = createTickets({ store, now: () => holder.now() });
    const w = await startAway({ tickets, verifyAtUpgrade: true });
    holder.now = () => w.clock.unix();
    const jkt = await jktOf(proof);
    const upgrade = async (ticket: string) =>
      await statusOf(rawTcp(w.port, upgradeRequest({}, `GET /?ticket=${ticket} HTTP/1.1`)));
    const [good, late] = [
      await tickets.issue({ token: await w.issue(), jkt }),
      await tickets.issue({ token: await w.issue(), jkt }),
    ];
    expect(await upgrade(good)).toBe(101);
    w.clock.away += 30;
    expect(await upgrade(late)).toBe(401);
  });

  it("[ticket:life] the store of tickets in memory", async () => {
    const clock = { ms: 0 };
    const tickets = createTickets({ now: () => clock.ms });
    const ticket = () => tickets.issue({ token: "a.b.c", jkt: "A".repeat(43) });
    const [good, late] = [await ticket(), await ticket()];
    clock.ms = 29_999;
    expect(await tickets.take(good)).toMatchObject({ issuedAt: 0 });
    clock.ms = 30_000;
    expect(await tickets.take(late)).toBeUndefined();
  });

  it("the DPoP header", async () => {
    const w = await startAway({ tokenAtUpgrade: ["authorization"], verifyAtUpgrade: true });
    const jwk = await exportJWK(proof.publicKey);
    const access = await w.issue({ cnf: { jkt: await calculateJwkThumbprint(jwk) } });
    const header = async (iat: number) => {
      const ath = createHash("sha256").update(access).digest("base64url");
      const claims = { jti: b64u("x"), iat, htm: "GET", htu: "https://chat.example/", ath };
      return await new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk })
        .sign(proof.privateKey);
    };
    const upgrade = async (dpop: string) =>
      await statusOf(rawTcp(w.port, upgradeRequest({ Authorization: `DPoP ${access}`, DPoP: dpop })));
    expect(await upgrade(await header(w.now()))).toBe(101);
    expect(await upgrade(await header(w.now() - AWAY))).toBe(401);
  });

  it("[token:fetch] key sets: their age and the time between two fetches", async () => {
    let fetches = 0;
    const site = createHttp((_, res) => {
      fetches++;
      res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(jwksOf(issuer)));
    });
    const port = await listen(site);
    onTestFinished(() => void site.close());
    const tokens = { issuer: ISSUER, keys: new URL(`http://127.0.0.1:${port}/`) };
    const w = await startAway({ tokens, tokenAtUpgrade: ["authorization"], verifyAtUpgrade: true });
    const asked = async () =>
      expect(await statusOf(rawTcp(w.port, upgradeRequest({ Authorization: `Bearer ${await w.issue()}` })))).toBe(101);
    await asked();
    w.clock.away += 599;
    await asked();
    expect(fetches).toBe(1);
    w.clock.away += 1;
    await asked();
    expect(fetches).toBe(2);
  });
});
