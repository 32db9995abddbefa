import { KeyObject } from "node:crypto";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { SIGNATURE_ALGS } from "../../src/registry.generated.ts";
import { unreadableKeys } from "../support/backends.ts";
import { settle, until } from "../support/clock.ts";
import { ROLES, released, upTo, WIRES } from "../support/live.ts";
import { cut, resumable, resume, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

// On Node a pair that is not extractable signs by WebCrypto, later, between a cipher and a MAC that answer at once.
describe("the keys of both ends are pairs that no script can read, the rest is Node's", () => {
  const backend = unreadableKeys(node);
  for (const level of ["sig", "nest", "aead"] as const) {
    for (const protocol of WIRES) {
      it.each(SIGNATURE_ALGS)(`${level}, ${protocol}, %s`, async (alg) => {
        const from = vi.spyOn(KeyObject, "from");
        onTestFinished(() => from.mockRestore());
        const { pair, got, client, server } = await resumable({
          ...{ level, protocol, backend, proof: alg, serverAlg: alg },
          clientHooks: { authorize: () => true },
        });
        for (const side of ROLES) sessionOf(pair, side).handle("echo", (data) => data);
        const expected = upTo(30);
        // Signatures are ready in any order: a short one after a long one, control messages between them.
        const burst = expected.slice(0, 25).flatMap((n) => ROLES.map((side) => sessionOf(pair, side).send("t", n)));
        client.rekey();
        const answers = ROLES.map((side) => sessionOf(pair, side).request("echo", "x".repeat(20_000)));
        await Promise.all([...burst, ...answers]);
        await until(() => client.epochs.send === 1 && server.epochs.send === 1);
        for (const side of ROLES) await sessionOf(pair, side).send("t", 26);
        await cut(pair);
        const waiting = [27, 28, 29].flatMap((n) => ROLES.map((side) => sessionOf(pair, side).send("t", n)));
        await settle();
        await resume(pair);
        await Promise.all(waiting);
        for (const side of ROLES) await sessionOf(pair, side).send("t", 30);
        await settle();
        expect(got).toEqual({ client: expected, server: expected });
        // What is being signed when the end is said goes before it.
        const last = [31, 32].map((n) => client.send("t", n));
        expect(await client.close()).toMatchObject({ code: 1000, clean: true, undetermined: [] });
        await Promise.all(last);
        expect(got.server).toEqual(upTo(32));
        await released(pair);
        expect(from).not.toHaveBeenCalled();
      });
    }
  }
});
