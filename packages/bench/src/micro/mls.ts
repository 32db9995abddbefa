import {
  type ClientState,
  type Credential,
  createApplicationMessage,
  createCommit,
  createGroup,
  decodeMlsMessage,
  defaultCapabilities,
  defaultLifetime,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  processPrivateMessage,
} from "ts-mls";
import type { Contender } from "../rounds.ts";

const NAME = "ts-mls, group of two";

/** RFC 9420 with the suite that every implementation has: one member seals, the other one opens. */
export async function mls(data: Uint8Array): Promise<Contender> {
  const suite = await getCiphersuiteImpl(getCiphersuiteFromName("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"));
  const member = (name: string) => {
    const credential: Credential = { credentialType: "basic", identity: new TextEncoder().encode(name) };
    return generateKeyPackage(credential, defaultCapabilities(), defaultLifetime, [], suite);
  };
  const [first, second] = [await member("first"), await member("second")];
  const id = new TextEncoder().encode("bench");
  const group = await createGroup(id, first.publicPackage, first.privatePackage, [], suite);
  const added = await createCommit(
    { state: group, cipherSuite: suite },
    { extraProposals: [{ proposalType: "add", add: { keyPackage: second.publicPackage } }] },
  );
  if (added.welcome === undefined) throw new Error("no welcome");
  let sender: ClientState = added.newState;
  let receiver = await joinGroup(
    added.welcome,
    second.publicPackage,
    second.privatePackage,
    emptyPskIndex,
    suite,
    sender.ratchetTree,
  );
  return {
    name: NAME,
    async run(count) {
      for (let i = 0; i < count; i++) {
        const sealed = await createApplicationMessage(sender, data, suite);
        sender = sealed.newState;
        const wire = encodeMlsMessage({
          version: "mls10",
          wireformat: "mls_private_message",
          privateMessage: sealed.privateMessage,
        });
        const message = decodeMlsMessage(wire, 0)?.[0];
        if (message?.wireformat !== "mls_private_message") throw new Error("another message");
        const opened = await processPrivateMessage(receiver, message.privateMessage, emptyPskIndex, suite);
        receiver = opened.newState;
      }
    },
  };
}
