import { describeFault } from "../faults.ts";
import type { EventLog } from "../log.ts";
import { ClientSide } from "./client-side.ts";
import { describePlan, type Plan, type Trouble } from "./plan.ts";
import type { RunRecord } from "./record.ts";
import { ServerSide } from "./server-side.ts";
import { Stage } from "./stage.ts";

/** More than any run needs. */
const MOST_EVENTS = 30_000;
/** After the planned end the other side has so long, in milliseconds, before it ends the rest. */
const GRACE = 200_000;
/** A client gives up so long after its server went away for good. */
const GIVE_UP = 30_000;

/** Runs a plan, from the first connection until nothing is left to happen. */
export async function run(plan: Plan): Promise<{ readonly record: RunRecord; readonly log: EventLog }> {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", onUnhandled).on("uncaughtException", onUnhandled);
  try {
    const stage = new Stage(plan, unhandled);
    await play(stage);
    return stage;
  } finally {
    process.off("unhandledRejection", onUnhandled).off("uncaughtException", onUnhandled);
  }
}

async function play(stage: Stage): Promise<void> {
  const { plan, hosts, network, record, timeline } = stage;
  for (const line of describePlan(plan)) stage.note("plan", line);
  for (const faults of plan.faults) network.plan(faults);
  const sides = { client: new ClientSide(stage), server: new ServerSide(stage) };
  sides.server.start();
  sides.client.start();
  for (const action of plan.actions) hosts[action.side].clock.deliver(() => sides[action.side].act(action), action.at);
  for (const trouble of plan.troubles) timeline.schedule(() => suffer(stage, sides.server, trouble), trouble.at);
  const { at, by } = plan.end;
  let left = false;
  hosts.server.clock.deliver(
    () => {
      left = true;
      sides.server.close();
    },
    by === "server" ? at : at + GRACE,
  );
  hosts.client.clock.deliver(() => sides.client.close(), by === "client" ? at : at + GIVE_UP);
  // At the moment in which all is closed no timer may be left: afterwards even a forgotten one would have run out.
  const isOver = () => left && record.client.asked && stage.unsettled.size === 0 && network.open.size === 0;
  await timeline.run(MOST_EVENTS, isOver);
  const timers = hosts.client.clock.pending + hosts.server.clock.pending;
  record.ended = await timeline.run(MOST_EVENTS);
  record.fired = network.fired.map(({ fault, at }) => ({ what: describeFault(fault), at }));
  record.unsettled = [...stage.unsettled];
  record.left = { timers, sockets: network.open.size, sessions: sides.server.sessions };
}

function suffer(stage: Stage, server: ServerSide, trouble: Trouble): void {
  switch (trouble.kind) {
    case "unplug":
      stage.network.unplug(trouble.ms);
      return;
    case "jump":
    case "pause":
      stage.note(trouble.side, `${trouble.kind} of ${trouble.ms} ms`);
      stage.hosts[trouble.side].clock[trouble.kind](trouble.ms);
      return;
    default:
      server.suffer(trouble);
  }
}
