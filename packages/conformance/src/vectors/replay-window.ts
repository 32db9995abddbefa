// Windows. The verdicts are written by hand from the rules.
import { Group } from "./file.ts";

type Verdict = "ok" | "E_REPLAY" | "E_SEQ";
/** Pairs of a number and its verdict, in the order of arrival. */
type Arrivals = readonly (readonly [seq: number, verdict: Verdict])[];

const ACCEPT = ["window:accept"];
const REPLAY = ["window:accept", "seq:replay"];
const OLD = ["window:accept", "window:old"];
const MAX = Number.MAX_SAFE_INTEGER;

const ok = (...seqs: number[]): Arrivals => seqs.map((seq) => [seq, "ok"]);
const replay = (...seqs: number[]): Arrivals => seqs.map((seq) => [seq, "E_REPLAY"]);
const bad = (...seqs: number[]): Arrivals => seqs.map((seq) => [seq, "E_SEQ"]);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

type Case = readonly [name: string, comment: string, req: readonly string[], ...arrivals: Arrivals[]];

function windowOf(size: number, cases: readonly Case[]): Group {
  const options = { level: "L1", section: "replay.md#51-the-window", op: "replay.window", context: { size } } as const;
  const group = new Group(`replay/window-${size}`, options);
  for (const [name, comment, req, ...arrivals] of cases) {
    const flat = arrivals.flat();
    const verdicts = flat.map(([, verdict]) => verdict);
    group.accept(name, comment, req, { seqs: flat.map(([seq]) => seq) }, { verdicts });
  }
  return group;
}

const DEFAULT: readonly Case[] = [
  ["in-order", "1 to 40, one after the other", ACCEPT, ok(...range(1, 40))],
  ["reverse", "40 down to 1", ACCEPT, ok(...range(1, 40).reverse())],
  ["duplicate", "each number twice", REPLAY, ok(1), replay(1), ok(2), replay(2), replay(1)],
  ["duplicate-later", "a duplicate after others", REPLAY, ok(1, 2, 3), replay(2, 1, 3), ok(4)],
  ["zero", "the number 0 is none", ["seq:gap"], bad(0), ok(1), bad(0)],
  ["first-high", "the first number is not 1, and lower ones follow", ACCEPT, ok(100, 1, 99), replay(1, 100)],
  ["edge", "top - 1023 is in the window, top - 1024 is not", OLD, ok(2000, 977), replay(977, 976), ok(978)],
  [
    "edge-unseen",
    "what lies below the window is refused, received or not",
    OLD,
    ok(1024, 1),
    replay(1),
    ok(1025),
    replay(1),
    ok(2),
    ok(1026),
    replay(2),
  ],
  ["late", "8 arrives when the top is 1031, a second 8 when it is 1032", OLD, ok(7, 1031, 8, 1032), replay(8)],
  ["too-late", "8 arrives when the top is 1032", OLD, ok(7, 1032), replay(8), ok(9)],
  ["jump-window", "a jump by exactly the window", OLD, ok(10, 1034), replay(10), ok(11), replay(1034)],
  [
    "jump-ring",
    "a jump by the whole ring of 1056 bits: no bit stays",
    OLD,
    ok(1100, 1099, 2156),
    replay(1100),
    ok(1133, 1134, 2155),
    replay(1132, 2156),
  ],
  [
    "jump-far",
    "a jump by far more than the ring",
    OLD,
    ok(5, 6, 7, 1000005, 1000004, 999999),
    replay(5, 1000005, 998981),
    ok(998982),
  ],
  [
    "word-edge",
    "numbers at the ends of words",
    REPLAY,
    ok(31, 32, 33, 63, 64, 65),
    replay(31, 32, 33, 63, 64, 65),
    ok(30, 34, 62, 66),
  ],
  [
    "cleared-between",
    "the words that a step passes are cleared, up to that of the new top",
    REPLAY,
    ok(...range(1, 64)),
    ok(1088, 1056, 1057),
    replay(64, 1088, 1056),
    ok(65, 1087),
  ],
  [
    "same-slot",
    "a number whose slot held another one a ring ago",
    REPLAY,
    ok(500, 501, 1556),
    replay(1556, 501),
    ok(1555, 1557),
    replay(1557),
  ],
  [
    "2-31",
    "around 2^31, where bit operations of 32 bits turn negative",
    REPLAY,
    ok(2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1),
    replay(2 ** 31, 2 ** 31 - 1),
    ok(2 ** 31 - 1022),
    replay(2 ** 31 - 1023),
    ok(2 ** 31 + 33),
  ],
  [
    "2-32",
    "around 2^32, where they wrap",
    REPLAY,
    ok(2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1),
    replay(2 ** 32 - 1, 2 ** 32, 1, 2),
    ok(2 ** 32 - 2, 2 ** 32 + 64),
    replay(2 ** 32 + 1),
  ],
  [
    "2-32-far",
    "a jump from below 2^31 beyond 2^32",
    OLD,
    ok(100, 2 ** 32 + 100),
    replay(100, 2 ** 32 - 924),
    ok(2 ** 32 - 923, 2 ** 32 + 99),
  ],
  [
    "2-37",
    "the number of the word goes beyond 2^32",
    REPLAY,
    ok(2 ** 37 - 1, 2 ** 37, 2 ** 37 + 31),
    replay(2 ** 37 + 31, 2 ** 37),
    ok(2 ** 37 + 1),
  ],
  [
    "2-53",
    "the highest number there is",
    OLD,
    ok(MAX - 1, MAX),
    replay(MAX, MAX - 1, MAX - 1024),
    ok(MAX - 1023),
    replay(MAX - 1023, 1),
  ],
  ["2-53-at-once", "from nothing to the highest number", OLD, ok(1, MAX), replay(1, MAX), bad(0), ok(MAX - 1)],
];

const ONE: readonly Case[] = [
  [
    "rising",
    "a window of one number: strictly rising, gaps allowed",
    OLD,
    ok(1, 2, 5),
    replay(5, 4, 3),
    ok(6),
    replay(5),
  ],
  ["words", "across the ends of words", OLD, ok(31, 32), replay(31, 32), ok(64), replay(32, 63), ok(65)],
  ["far", "up to the highest number", OLD, ok(2 ** 32, MAX), replay(MAX, 2 ** 32)],
];
const WORD: readonly Case[] = [
  ["edge", "top - 31 is in the window, top - 32 is not", OLD, ok(100, 69), replay(68, 69), ok(101), replay(69), ok(70)],
  ["next-word", "the top is the first number of a word", OLD, ok(33, 64), replay(33, 32), ok(34, 63), replay(64)],
  ["last-of-word", "the top is the last number of a word", OLD, ok(32, 63), replay(32, 31), ok(33), replay(63)],
];
const WORD_AND_ONE: readonly Case[] = [
  ["edge", "top - 32 is in the window, top - 33 is not", OLD, ok(100, 68), replay(67, 68), ok(69)],
  [
    "first-of-word",
    "the top is the first number of a word: the window reaches to the first of the word before",
    OLD,
    ok(32, 64),
    replay(32),
    ok(33),
    replay(31),
    ok(65),
    replay(32),
  ],
];
const THREE_WORDS: readonly Case[] = [
  ["three-words", "34 numbers can lie in three words", REPLAY, ok(31, 64), replay(31), ok(32), replay(30)],
];
const TWO_WORDS: readonly Case[] = [
  ["edge", "top - 63 is in the window, top - 64 is not", OLD, ok(200, 137), replay(136, 137, 200), ok(138)],
  ["first-of-word", "the top is the first number of a word", OLD, ok(65, 128), replay(65, 64), ok(66), replay(128)],
  [
    "shuffled",
    "blocks of eight in reverse",
    REPLAY,
    ok(...range(1, 8).reverse(), ...range(9, 16).reverse()),
    replay(...range(1, 16)),
  ],
  [
    "moving",
    "the window moves by one, the number that leaves it is refused",
    OLD,
    ok(64, 1),
    replay(1),
    ok(65),
    replay(1),
    ok(2),
    ok(66),
    replay(2),
    ok(3),
  ],
];

export const windowGroups = (): Group[] => [
  windowOf(1024, DEFAULT),
  windowOf(1, ONE),
  windowOf(32, WORD),
  windowOf(33, WORD_AND_ONE),
  windowOf(34, THREE_WORDS),
  windowOf(64, TWO_WORDS),
];
