import type { Bench, OpenOptions, Victim } from "../attacks/run.ts";
import { type DemoSession, LEVELS_OFFERED, openSession, type SessionOptions, WIRES } from "../session.ts";
import { armRelay, followFrames, getJson, getRefusals, type PageConfig } from "./api.ts";
import { BenchPanel } from "./bench.ts";
import { ChatPanel } from "./chat.ts";
import { byId, h } from "./dom.ts";
import { FilesPanel } from "./files.ts";
import { showFacts, showPath, showState } from "./status.ts";
import { WirePanel } from "./wire.ts";

const user = byId<HTMLSelectElement>("user");
const level = byId<HTMLSelectElement>("level");
const wire = byId<HTMLSelectElement>("wire");
const connectButton = byId<HTMLButtonElement>("connect");

let config: PageConfig;
let session: DemoSession | undefined;
let serial = 0;

const chat = new ChatPanel(async (text) => session?.say(text));
const files = new FilesPanel(() => session);
const frames = new WirePanel();
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
  onSessionChange();
  attacks.enable(false);
}

function explain(): void {
  const notes = [LEVELS_OFFERED.find((l) => l.id === level.value)?.note, WIRES.find((w) => w.id === wire.value)?.note];
  byId("level-note").textContent = notes.join(" ");
}

/** Every connection has a tag of its own, by which the relay's record of it is found. */
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
  const heading = `Connection ${serial}: ${who}, ${wire.value} wire`;
  let opened: DemoSession | undefined;
  const unfollow = followFrames(tag, (recorded) =>
    frames.add(
      recorded,
      { expand: (frame) => opened?.expand(frame), claims: (frame) => opened?.claims(frame) },
      heading,
    ),
  );
  try {
    opened = await openSession(config, {
      ...optionsOf(who, tag),
      onMessage: (message) => chat.message(message, who),
      onMembers: (members) => chat.members(members, who),
      onFile: (info) => files.offer(info),
      onDenied: (topic) =>
        chat.note(`The server denies ${topic} to ${who}: the access token does not grant it.`, "bad"),
    });
  } catch (error) {
    setTimeout(unfollow, 1000);
    showState("bad", `Refused: ${(error as { code?: string }).code ?? "no connection"}`);
    throw error;
  }
  const mine = opened;
  session = mine;
  void mine.closed.then((info) => {
    setTimeout(unfollow, 1000); // the relay's last frames may still be on their way to the page
    if (session !== mine) return;
    session = undefined;
    onSessionChange();
    const how = info.clean
      ? "Session closed."
      : `Session ended: ${info.code}${info.closeCode === undefined ? "" : `, close code ${info.closeCode}`}.`;
    chat.note(how, info.clean ? "plain" : "bad");
    showState(info.clean ? "idle" : "bad", info.clean ? "Not connected" : `Ended: ${info.code}`);
  });
  onSessionChange();
  const { members } = await mine.join();
  chat.members(members, who);
  chat.note(`Sealed session as ${who}.`, "good");
  return mine;
}

async function disconnect(): Promise<void> {
  await session?.close();
}

function onSessionChange(): void {
  const on = session !== undefined;
  chat.enable(on);
  files.enable(on);
  attacks.enable(on);
  for (const select of [user, level, wire]) select.disabled = on;
  document.body.toggleAttribute("data-connected", on);
  connectButton.textContent = on ? "Disconnect" : "Connect";
  connectButton.classList.toggle("primary", !on);
  showFacts(session);
  if (session) showState("good", "Sealed session");
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
    victim: async () => session ?? connect(),
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

/** On a phone one view at a time is shown; on a wide screen all of them, and the buttons are hidden. */
function chooseView(): void {
  const buttons = document.querySelectorAll<HTMLButtonElement>(".views button");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      document.body.dataset.view = button.dataset.view ?? "chat";
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === button));
    });
  }
}

function report(error: unknown): void {
  chat.note(String((error as Error).message), "bad");
}

start().catch((error: unknown) => showState("bad", `The demo did not start: ${(error as Error).message}`));
