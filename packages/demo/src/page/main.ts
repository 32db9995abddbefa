import type { Bench, OpenOptions, Victim } from "../attacks/run.ts";
import { type DemoSession, LEVELS_OFFERED, openSession, type SessionOptions, WIRES } from "../session.ts";
import type { Requester } from "../transfer.ts";
import { armRelay, followFrames, followView, getJson, getRefusals, type PageConfig } from "./api.ts";
import { BenchPanel } from "./bench.ts";
import { ChatPanel } from "./chat.ts";
import { byId, h } from "./dom.ts";
import { FilesPanel } from "./files.ts";
import { LifePanel } from "./life.ts";
import { OperatorPanel } from "./operator.ts";
import { showFacts, showPath, showState } from "./status.ts";
import { chooseView } from "./views.ts";
import { WirePanel } from "./wire.ts";

const user = byId<HTMLSelectElement>("user");
const level = byId<HTMLSelectElement>("level");
const wire = byId<HTMLSelectElement>("wire");
const connectButton = byId<HTMLButtonElement>("connect");

/** Tokens count as revoked until the end of the second in which they were. */
const SIGN_IN_AGAIN_MS = 1200;

let config: PageConfig;
let session: DemoSession | undefined;
/** Settled when the page has tried to sign in again. */
let returning: Promise<unknown> = Promise.resolve();
let serial = 0;

/** Whatever session the page has at the moment. */
const current: Requester = {
  request: async (topic, data, signal) => {
    if (!session) throw new Error("Not connected.");
    return session.request(topic, data, signal);
  },
  async ready() {
    const mine = session;
    if (await mine?.ready()) return true;
    await mine?.closed;
    await returning;
    return (await session?.ready()) === true;
  },
};

const chat = new ChatPanel(async (text) => session?.say(text));
const files = new FilesPanel(() => session && current);
const frames = new WirePanel();
const life = new LifePanel(() => session);
const operator = new OperatorPanel();
const attacks = new BenchPanel(createBench);

async function start(): Promise<void> {
  chooseView();
  config = await getJson<PageConfig>("/config.json");
  await showPath(config);
  user.append(...config.users.map(({ id, title }) => h("option", { value: id }, title)));
  level.append(...LEVELS_OFFERED.map(({ id }) => h("option", { value: id }, id)));
  wire.append(...WIRES.map(({ id }) => h("option", { value: id }, id)));
  for (const select of [level, wire]) select.addEventListener("change", explain);
  explain();
  byId<HTMLFormElement>("connect-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void (session ? disconnect() : connect()).catch(report);
  });
  followView((view) => operator.show(view));
  onSessionChange();
  attacks.enable(false);
}

function explain(): void {
  const notes = [LEVELS_OFFERED.find((l) => l.id === level.value)?.note, WIRES.find((w) => w.id === wire.value)?.note];
  byId("level-note").textContent = notes.join(" ");
}

/** Every session has a tag of its own, by which the relay's record of its connections is found. */
function newTag(): string {
  return `page-${++serial}-${crypto.randomUUID().slice(0, 8)}`;
}

function optionsOf(who: string, tag: string): SessionOptions {
  return {
    user: who,
    tag,
    level: level.value as SessionOptions["level"],
    wire: wire.value as SessionOptions["wire"],
  };
}

async function connect(): Promise<DemoSession> {
  const who = user.value;
  const tag = newTag();
  showState("busy", "Connecting…");
  let opened: DemoSession | undefined;
  const follower = followSession(tag, who, () => opened);
  try {
    opened = await openSession(config, {
      ...optionsOf(who, tag),
      onMessage: (message) => chat.message(message, who),
      onMembers: (members) => chat.members(members, who),
      onFile: (info) => files.offer(info),
      onDenied: (topic) =>
        chat.note(`The server denies ${topic} to ${who}: the access token does not grant it.`, "bad"),
      onChange: () => {
        if (opened?.state === "reconnecting") follower.lost();
        onSessionChange();
      },
      onUndetermined: (messages) => {
        // Of a file the server says itself what it has.
        const said = messages.filter(({ topic }) => topic === "chat.say").map(({ seq }) => `no. ${seq}`);
        if (said.length > 0) chat.note(`Not known whether they arrived: your messages ${said.join(", ")}.`, "bad");
      },
    });
  } catch (error) {
    setTimeout(follower.stop, 1000);
    showState("bad", `Refused: ${(error as { code?: string }).code ?? "no token"}`);
    throw error;
  }
  const mine = opened;
  session = mine;
  void mine.closed.then((info) => {
    setTimeout(follower.stop, 1000); // the relay's last frames may still be on their way to the page
    if (session !== mine) return;
    session = undefined;
    onSessionChange();
    const code = info.closeCode === undefined ? "" : `, close code ${info.closeCode}`;
    chat.note(info.clean ? "Session closed." : `Session ended: ${info.code}${code}.`, info.clean ? "plain" : "bad");
    showState(info.clean ? "idle" : "bad", info.clean ? "Not connected" : `Ended: ${info.code}`);
    if (info.code === "E_REVOKED") returning = comeBack(who);
  });
  onSessionChange();
  const { members } = await mine.join();
  chat.members(members, who);
  chat.note(`Sealed session as ${who}.`, "good");
  return mine;
}

/** A revoked token is of no use any more; another one is, if the issuer gives it. */
async function comeBack(who: string): Promise<void> {
  chat.note(`The token of ${who} was revoked. Signing in again…`);
  await new Promise((resolve) => setTimeout(resolve, SIGN_IN_AGAIN_MS));
  if (!session) await connect().catch(report);
}

async function disconnect(): Promise<void> {
  await session?.close();
}

/** Shows what the relay records of a session, connection by connection; `lost` when one of them is over. */
function followSession(
  tag: string,
  who: string,
  opened: () => DemoSession | undefined,
): { lost(): void; stop(): void } {
  let newest = 0;
  // What the page opened it knows by number, and numbers are those of its present connection.
  let over = 0;
  const stop = followFrames(tag, (recorded) => {
    for (const connection of new Set(recorded.map((f) => f.connection))) {
      newest = Math.max(newest, connection);
      const present = (): DemoSession | undefined => (connection > over ? opened() : undefined);
      frames.add(
        recorded.filter((f) => f.connection === connection),
        { expand: (frame) => present()?.expand(frame), claims: (frame) => present()?.claims(frame) },
        `Connection ${connection}: ${who}`,
      );
    }
  });
  return {
    lost: () => {
      over = newest;
    },
    stop,
  };
}

function onSessionChange(): void {
  const on = session !== undefined && session.state !== "closed";
  chat.enable(on);
  files.enable(on);
  attacks.enable(on);
  for (const select of [user, level, wire]) select.disabled = on;
  document.body.toggleAttribute("data-connected", on);
  document.body.toggleAttribute("data-waiting", session?.state === "reconnecting");
  connectButton.textContent = on ? "Disconnect" : "Connect";
  connectButton.classList.toggle("primary", !on);
  showFacts(session);
  life.show();
  if (session?.state === "open") showState("good", "Sealed session");
  if (session?.state === "reconnecting") showState("busy", "Reconnecting…");
}

/** The page as surroundings of an attack: its own session is the victim. */
function createBench(): Bench {
  const open = async (options: OpenOptions): Promise<Victim> => {
    const who = options.user ?? user.value;
    // A handshake attack takes the page's own session away, as it would take a reconnecting user's.
    if (!options.user && session) await session.close();
    const plan = { ...optionsOf(who, options.tag), credentials: options.credentials, offersBoth: options.offersBoth };
    const unfollow = followFrames(options.tag, (recorded) => {
      const heading = `Connection under attack: ${who}`;
      if (!options.user) frames.add(recorded, { expand: () => undefined, claims: () => undefined }, heading);
    });
    try {
      return await openSession(config, plan);
    } finally {
      setTimeout(unfollow, 1000);
    }
  };
  return {
    wire: wire.value as Bench["wire"],
    async victim() {
      // One that an attack has ended before is nearer to being given up: each attack finds a session that is as new.
      if (session && session.history.replaced > 0) await session.close();
      return session ?? connect();
    },
    open,
    arm: armRelay,
    mark: async () => (await getRefusals(0)).count,
    refusals: async (since) => (await getRefusals(since)).refusals,
    async recover() {
      const fresh = session ?? (await connect());
      return (await fresh.join()).you === user.value;
    },
  };
}

function report(error: unknown): void {
  chat.note(String((error as Error).message), "bad");
}

start().catch((error: unknown) => showState("bad", `The demo did not start: ${(error as Error).message}`));
