import type { OperatorView, SessionView, UserView } from "../operator.ts";
import { operate } from "./api.ts";
import { byId, h } from "./dom.ts";

const LINES = {
  up: "Plugged in: the relay passes everything on.",
  cut: "Unplugged: connections are cut, and none can be made.",
  silent: "Unplugged in silence: nothing passes, and nobody is told.",
};

/** Users, their sessions and roles; the network; the server. What an operator does goes past the relay. */
export class OperatorPanel {
  readonly #rows = new Map<string, UserRow>();
  readonly #buttons = {
    cut: byId<HTMLButtonElement>("unplug"),
    silent: byId<HTMLButtonElement>("unplug-silently"),
    up: byId<HTMLButtonElement>("plug"),
    restart: byId<HTMLButtonElement>("restart"),
  };

  constructor() {
    const { cut, silent, up, restart } = this.#buttons;
    cut.addEventListener("click", () => this.#do("unplug", { how: "cut" }));
    silent.addEventListener("click", () => this.#do("unplug", { how: "silent" }));
    up.addEventListener("click", () => this.#do("plug"));
    restart.addEventListener("click", () => {
      restart.disabled = true;
      this.#do("restart").finally(() => {
        restart.disabled = false;
      });
    });
  }

  show(view: OperatorView): void {
    byId("line").textContent = LINES[view.line];
    byId("line").dataset.line = view.line;
    byId("starts").textContent = view.starts === 1 ? "Started once." : `Started ${view.starts} times.`;
    byId("token-seconds").textContent = String(view.tokenSeconds);
    this.#buttons.cut.disabled = this.#buttons.silent.disabled = view.line !== "up";
    this.#buttons.up.disabled = view.line === "up";
    for (const user of view.users) {
      let row = this.#rows.get(user.id);
      if (!row) {
        row = new UserRow(user, view.roles, (name, body) => this.#do(name, { user: user.id, ...body }));
        this.#rows.set(user.id, row);
        byId("users").append(row.element);
      }
      row.show(user);
    }
  }

  async #do(name: string, body: object = {}): Promise<void> {
    const failed = await operate(name, body).catch((error: unknown) => String((error as Error).message));
    byId("operator-note").textContent = typeof failed === "string" ? failed : "";
  }
}

/** One user; built once and then changed in place, so that focus stays where it is. */
class UserRow {
  readonly element: HTMLLIElement;
  readonly #sessions = h("p", { class: "sessions" });
  readonly #boxes = new Map<string, HTMLInputElement>();
  readonly #pending = h("p", { class: "pending" });
  readonly #renew: HTMLButtonElement;
  readonly #bar: HTMLButtonElement;
  #barred = false;

  constructor(user: UserView, roles: OperatorView["roles"], act: (name: string, body?: object) => Promise<void>) {
    const legend = h("legend", { class: "visually-hidden" }, `Roles of ${user.id}`);
    const labels = roles.map(({ id, title }) => {
      const box = h("input", { type: "checkbox", id: `role-${user.id}-${id}` });
      box.addEventListener("change", () => void act("role", { role: id, on: box.checked }));
      this.#boxes.set(id, box);
      return h("label", {}, box, title);
    });
    this.#renew = h("button", { type: "button", "aria-label": `Apply now to ${user.id}` }, "Apply now");
    this.#renew.addEventListener("click", () => void act("renew"));
    this.#bar = h("button", { type: "button" });
    this.#bar.addEventListener("click", () => void act(this.#barred ? "admit" : "bar"));
    this.element = h(
      "li",
      { class: "user", id: `user-${user.id}` },
      h("div", { class: "user-head" }, h("h4", {}, user.title.replace(/ \(.*/, "")), this.#sessions),
      h("fieldset", {}, legend, ...labels),
      this.#pending,
      h("div", { class: "user-actions" }, this.#renew, this.#bar),
    );
  }

  show(user: UserView): void {
    this.#barred = user.barred;
    for (const [id, box] of this.#boxes) box.checked = user.roles.includes(id);
    const badges = (["open", "reconnecting"] as const).flatMap((state) => {
      const count = user.sessions.filter((s) => s.state === state).length;
      return count === 0 ? [] : [h("span", { class: `badge ${state}` }, count === 1 ? state : `${count} ${state}`)];
    });
    if (user.barred) badges.unshift(h("span", { class: "badge barred" }, "revoked"));
    if (badges.length === 0) badges.push(h("span", { class: "badge" }, "no session"));
    this.#sessions.replaceChildren(...badges);
    const waits = user.sessions.filter((s) => differs(s, user));
    this.#pending.textContent = waits.length === 0 ? "" : "Counts from the next token.";
    this.#renew.disabled = waits.length === 0;
    this.#bar.textContent = user.barred ? "Admit again" : "Revoke";
    this.#bar.setAttribute("aria-label", user.barred ? `Admit ${user.id} again` : `Revoke ${user.id}`);
    this.#bar.classList.toggle("danger", !user.barred);
  }
}

function differs(session: SessionView, { roles }: UserView): boolean {
  return [...session.roles].sort().join() !== [...roles].sort().join();
}
