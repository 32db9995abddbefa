// The process of one contender.
import { answer } from "../child.ts";
import { type Ready, ready } from "../rounds.ts";
import { makers, type Subject } from "./contenders.ts";

let contender: Ready | undefined;

answer({
  prepare: async ({ subject, which, slice }: { subject: Subject; which: number; slice: number }) => {
    const make = makers(subject)[which];
    contender = make && (await ready(await make(), slice));
    return contender?.name;
  },
  round: () => contender?.round(),
});
