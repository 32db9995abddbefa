import { type Demo, type DemoOptions, nodeOptions, startDemo } from "../src/demo.ts";
import { type DemoSession, openSession, type SessionOptions } from "../src/session.ts";

/** A demo on free ports, and what tests open on it; `end` closes all of it. */
export interface TestDemo extends Demo {
  session(user: string, more?: Partial<SessionOptions>): Promise<DemoSession>;
  end(): Promise<void>;
}

export async function testDemo(options: Omit<DemoOptions, "port"> = {}): Promise<TestDemo> {
  const demo = await startDemo({ port: 0, ...options });
  const opened: DemoSession[] = [];
  return {
    ...demo,
    async session(user, more = {}) {
      const session = await openSession(demo.config, nodeOptions(user, more));
      opened.push(session);
      return session;
    },
    async end() {
      await Promise.all(opened.map((session) => session.close()));
      await demo.close();
    },
  };
}

/** Polls until `get` gives something; the test's own timeout is the limit. */
export async function eventually<T>(get: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const value = await get();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
