import type { Message, Session } from "@sealwire/core";
import type { Action, Right, Side } from "./plan.ts";
import type { Delivered, EndRecord, SentMessage } from "./record.ts";
import type { Stage } from "./stage.ts";

/** What a message says: its number, the server's session that it comes from (-1: from the client), and padding. */
type Data = [n: number, session: number, padding: string];

export interface SpeakerOptions {
  readonly stage: Stage;
  readonly side: Side;
  readonly session: Session;
  readonly record: EndRecord;
  /** Number of the session at the server; the client's object is several. */
  readonly index: number;
  /** At a client: whether it has got a token for everything, which may not be in force yet. */
  readonly coming?: () => boolean;
  /** At a server: whose rights hold at this moment. */
  readonly token?: () => string;
  /** Told of each message that the application was given. */
  readonly onTaken?: (kind: SentMessage["kind"]) => void;
}

/** Padding of what is sent in answer: it is not answered in turn. */
const ANSWER = "answer";

const RIGHTS: readonly Right[] = ["free", "extra"];
const KINDS: readonly SentMessage["kind"][] = ["send", "idempotent", "request"];
const TOPICS: readonly string[] = RIGHTS.flatMap((right) => KINDS.map((kind) => `${right}.${kind}`));

/** The application at one end of a session: it counts what it sends, and writes down what it is told. */
export class Speaker {
  readonly #o: SpeakerOptions;
  readonly #name: string;

  constructor(options: SpeakerOptions) {
    this.#o = options;
    const { side, session, index } = options;
    this.#name = index < 0 ? side : `${side} ${index}`;
    this.#listen();
    const way = options.stage.plan.taking[side];
    if (way === "all") this.#read("all", session);
    for (const topic of TOPICS) {
      if (way === "handlers" || topic.endsWith(".request"))
        session.handle(topic, ((data: Data) => this.#take(topic, "handlers", data)) as never);
      else if (way === "topics") this.#read(topic, session.messages(topic));
    }
  }

  /** To the end of the session. */
  #read(by: string, messages: AsyncIterable<Message>): void {
    const { stage } = this.#o;
    const read = async () => {
      for await (const { topic, data } of messages) await this.#take(topic, by, data as unknown as Data);
    };
    stage.watch(`reading ${by} of the ${this.#name}`, read());
  }

  #note(what: string): void {
    const { stage, side, index } = this.#o;
    stage.note(side, index < 0 ? what : `[${index}] ${what}`);
  }

  #listen(): void {
    const { stage, session, record } = this.#o;
    session.onDenied(({ seq, index, code }) => {
      record.refused.push({ session: session.id, seq, ...(index === undefined ? {} : { index }), code });
      this.#note(`hears that message ${seq} was refused: ${code}`);
    });
    session.onUndetermined((messages) => {
      record.undetermined.push(...messages);
      this.#note(`does not know of ${messages.map(({ seq, topic }) => `${seq} (${topic})`).join(", ")}`);
    });
    session.onStateChange((state) => {
      record.states.push(state);
      this.#note(`is ${state}, session ${session.id.slice(0, 6)}`);
    });
    const closed = session.closed.then((info) => {
      record.closed = info;
      record.undetermined.push(...info.undetermined);
      const { code, clean, truncated, error, undetermined } = info;
      const unknown = undetermined.length === 0 ? "" : `, ${undetermined.length} undetermined`;
      const why = error === undefined ? "" : `: ${error.message}`;
      this.#note(`ended with ${code}, clean ${clean}, truncated ${truncated}${unknown}${why}`);
    });
    stage.watch(`session.closed of the ${this.#name}`, closed);
  }

  async #take(topic: string, by: string, [n, from, padding]: Data): Promise<number> {
    const [right, kind] = topic.split(".") as [Right, SentMessage["kind"]];
    const { stage, side, record, index, token, onTaken } = this.#o;
    const delivered: Delivered = {
      n,
      right,
      kind,
      by,
      session: from < 0 ? index : from,
      at: stage.now,
      order: stage.order(),
      ...(token === undefined ? {} : { token: token() }),
    };
    record.delivered.push(delivered);
    this.#note(by === "handlers" ? `handles ${n}` : `reads ${n}`);
    onTaken?.(kind);
    const { handlerMs, answering } = stage.plan;
    if (handlerMs > 0) await stage.pause(side, handlerMs);
    if (answering && padding !== ANSWER) await this.#say("send", "free", ANSWER);
    return n;
  }

  act(action: Action): void {
    if (action.kind === "rekey") {
      this.#note("asks for new keys");
      this.#o.session.rekey();
      return;
    }
    void this.#say(action.kind, action.right, "x".repeat(action.size));
  }

  /** Resolves when it is known what became of it. */
  async #say(kind: SentMessage["kind"], right: Right, padding: string): Promise<void> {
    const { session, record, stage, index, coming } = this.#o;
    const granted = right === "free" || session.scopes.includes("extra") || coming?.() === true;
    const message: SentMessage = { n: record.sent.length + 1, kind, right, at: stage.now, granted, outcome: "pending" };
    record.sent.push(message);
    const data: Data = [message.n, index, padding];
    const topic = `${right}.${kind}`;
    this.#note(`${topic} ${message.n}, ${padding.length} characters`);
    const work =
      kind === "request"
        ? session.request(topic, data).then((reply) => ({ reply }))
        : session.send(topic, data, kind === "idempotent" ? { idempotent: true } : {});
    await work.then(
      (outcome) => {
        message.outcome = outcome;
        this.#note(`${kind} ${message.n} resolved${"seq" in outcome ? ` as ${outcome.seq}` : ""}`);
      },
      (error: unknown) => {
        message.outcome = { error };
        this.#note(`${kind} ${message.n} failed: ${error}`);
      },
    );
  }
}
