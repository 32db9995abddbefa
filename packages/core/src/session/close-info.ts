import { SealwireError } from "../errors.ts";
import type { Receiver } from "./connection.ts";
import { hintedError } from "./payload.ts";
import type { CloseInfo } from "./types.ts";

export type ConnectionEnd = Omit<CloseInfo, "undetermined">;

/** How it ended: by the close code of the socket, the error that was found, and who said bye. `session` exists after SR. */
export function closeInfo(
  code: number,
  error: SealwireError | undefined,
  session: Pick<Receiver, "byeSent" | "byeReceived" | "window"> | undefined,
): ConnectionEnd {
  const { byeSent = false, byeReceived = false, window } = session ?? {};
  const truncated = session !== undefined && !byeReceived;
  const report = { truncated, ...(window === undefined ? {} : { window }) };
  if (error !== undefined) {
    // A peer that goes away says so in order: nothing went wrong.
    const away = error.remote && error.closeCode === 1001;
    return { code: error.closeCode ?? code, error, clean: away && byeSent, ...report };
  }
  if (byeReceived) return { code: 1000, clean: byeSent, ...report };
  const detail = `close code ${code}, not authenticated`;
  // A bare close code is the word of whoever is in between: after SR it never counts as what the server decided.
  const hint = truncated
    ? new SealwireError("E_TRUNCATED", { detail, remote: true, closeCode: code })
    : hintedError(code, detail);
  return { code, error: hint, clean: false, ...report };
}
