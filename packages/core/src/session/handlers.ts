import type { AnyHandler } from "./hooks.ts";

/** A handler, and those that were there before it. */
interface Handler {
  readonly topic: string;
  readonly fn: AnyHandler;
  readonly rest: Handler | undefined;
}

/** By topic: a list of few, since a table of only one would be a large part of a session that is idle. */
export type Handlers = Handler | Map<string, AnyHandler> | undefined;

const FEW = 8;

function* each(list: Handler | undefined): Iterable<readonly [string, AnyHandler]> {
  for (let one = list; one !== undefined; one = one.rest) yield [one.topic, one.fn];
}

export function handlerOf(handlers: Handlers, topic: string): AnyHandler | undefined {
  if (handlers instanceof Map) return handlers.get(topic);
  let one = handlers;
  while (one !== undefined && one.topic !== topic) one = one.rest;
  return one?.fn;
}

/** For a topic that has none. What is returned stands for all of them. */
export function withHandler(handlers: Handlers, topic: string, fn: AnyHandler): Handlers {
  if (handlers instanceof Map) return handlers.set(topic, fn);
  const all: Handler = { topic, fn, rest: handlers };
  const pairs = [...each(all)];
  return pairs.length > FEW ? new Map(pairs) : all;
}

export function withoutHandler(handlers: Handlers, topic: string): Handlers {
  if (handlers instanceof Map) {
    handlers.delete(topic);
    return handlers;
  }
  let left: Handler | undefined;
  for (const [other, fn] of each(handlers)) if (other !== topic) left = { topic: other, fn, rest: left };
  return left;
}
