import { sha256 } from "./digest.ts";
import { refuse } from "./errors.ts";
import type { DevelopmentClient } from "./options.ts";

/** Bytes of a request's body at most. */
const MOST_BYTES = 16_384;

/** The parameters of a form, each at most once: RFC 6749 section 3.2. */
export async function formOf(request: Request): Promise<ReadonlyMap<string, string>> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    return refuse("invalid_request", "the body is not application/x-www-form-urlencoded");
  }
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(await textOf(request))) {
    if (form.has(name)) return refuse("invalid_request", "a parameter is given twice");
    // RFC 6749 section 3.2: one without a value is one that was left out.
    if (value !== "") form.set(name, value);
  }
  return form;
}

async function textOf(request: Request): Promise<string> {
  const decoder = new TextDecoder();
  const reader = request.body?.getReader();
  let text = "";
  let size = 0;
  for (;;) {
    const { value } = (await reader?.read()) ?? {};
    if (value === undefined) return text + decoder.decode();
    size += value.length;
    if (size > MOST_BYTES) {
      await reader?.cancel();
      return refuse("invalid_request", `the body has more than ${MOST_BYTES} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

export const required = (form: ReadonlyMap<string, string>, name: string): string =>
  form.get(name) ?? refuse("invalid_request", `${name} is missing`);

export interface AuthenticatedClient extends DevelopmentClient {
  readonly id: string;
}

/** RFC 6749 section 2.3: by header or in the form, not both; public clients by their id alone. */
export async function clientOf(
  request: Request,
  form: ReadonlyMap<string, string>,
  clients: Readonly<Record<string, DevelopmentClient>>,
): Promise<AuthenticatedClient> {
  const header = request.headers.get("authorization");
  if (header !== null && form.has("client_secret")) {
    return refuse("invalid_request", "the client authenticates in two ways");
  }
  const { id, secret } =
    header === null ? { id: required(form, "client_id"), secret: form.get("client_secret") } : basic(header);
  if (form.has("client_id") && form.get("client_id") !== id) return refuse("invalid_request", "two client ids");
  const client = Object.hasOwn(clients, id) ? clients[id] : undefined;
  if (client === undefined || !(await same(client.secret, secret))) {
    return refuse("invalid_client", "no such client, or not its secret");
  }
  return { ...client, id };
}

/** By digests: how long it takes tells nothing about the secret. */
const same = async (a: string | undefined, b: string | undefined): Promise<boolean> =>
  a === undefined || b === undefined ? a === b : (await sha256(a)) === (await sha256(b));

function basic(header: string): { readonly id: string; readonly secret: string } {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(header) ?? [];
  try {
    const [, id, secret] = /^([^:]*):(.*)$/s.exec(atob(encoded as string)) as RegExpExecArray;
    // RFC 6749 section 2.3.1: both are form-encoded first.
    const decode = (text: string | undefined) => decodeURIComponent((text as string).replaceAll("+", " "));
    return { id: decode(id), secret: decode(secret) };
  } catch {
    return refuse("invalid_client", "the Authorization header is no Basic authentication");
  }
}
