import type { BrowserFigures } from "./browser/run.ts";
import type { BundleFigure, ENTRIES } from "./bundle.ts";
import type { EchoFigure, Latency } from "./echo/run.ts";
import type { HandshakeFigures } from "./handshake.ts";
import type { Consists, MemoryFigure } from "./memory.ts";
import type { MicroTable } from "./micro/run.ts";
import type { Shares } from "./profile.ts";
import type { FanOutTable, FileTable } from "./traffic/run.ts";

/** Everything that one run has measured; the report and the check are made of it, and of nothing else. */
export interface Results {
  readonly machine: string;
  readonly when: string;
  readonly quick: boolean;
  readonly micro: readonly MicroTable[];
  readonly browsers: readonly BrowserFigures[];
  /** Where the time goes that sessions of a page take themselves; undefined for a quick run. */
  readonly ownTime: Shares | undefined;
  readonly echo: readonly EchoTable[];
  /** Where the time of the server goes, with 50 connections and 16 messages of each in flight. */
  readonly profiles: Readonly<Record<string, Shares>>;
  readonly latency: { readonly rate: number; readonly figures: Readonly<Record<string, readonly Latency[]>> };
  readonly fanOut: readonly FanOutTable[];
  readonly file: readonly FileTable[];
  readonly handshakes: HandshakeFigures;
  readonly memory: readonly MemoryFigure[];
  /** What an idle connection consists of. */
  readonly consists: Readonly<Record<string, Consists>>;
  readonly overhead: readonly { readonly seq: number; readonly items: number; readonly bytes: number }[];
  readonly bundle: Readonly<Record<keyof typeof ENTRIES, BundleFigure>>;
  readonly startUp: Readonly<Record<string, number>>;
}

export interface EchoTable {
  readonly what: string;
  readonly size: number;
  readonly figures: Readonly<Record<string, EchoFigure>>;
}
