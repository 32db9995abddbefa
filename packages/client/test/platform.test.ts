import { afterEach, expect, it, vi } from "vitest";

afterEach(() => {
  vi.doUnmock("isomorphic-ws");
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The WebSocket that a client takes, where `isomorphic-ws` is this. */
async function taken(isomorphic: unknown): Promise<() => unknown> {
  vi.resetModules();
  vi.doMock("isomorphic-ws", () => ({ default: isomorphic }));
  const { systemPlatform } = await import("../src/platform.ts");
  return () => systemPlatform.WebSocket;
}

class OfPage {}

it("Node has that of ws", async () => {
  const { WebSocket } = await import("ws");
  vi.stubGlobal("WebSocket", OfPage);
  expect((await taken(WebSocket))()).toBe(WebSocket);
});

it("a page has its own, the one that is there when it connects", async () => {
  vi.stubGlobal("WebSocket", OfPage);
  const platform = await taken(OfPage);
  expect(platform()).toBe(OfPage);
  class Another {}
  vi.stubGlobal("WebSocket", Another);
  expect(platform()).toBe(Another);
});

it("what ws is for browsers, which throws, serves nobody", async () => {
  const { default: throws } = await import("../../../node_modules/ws/browser.js" as string);
  expect(() => throws()).toThrow("ws does not work in the browser");
  vi.stubGlobal("WebSocket", OfPage);
  expect((await taken(throws))()).toBe(OfPage);
});

it("a platform without any has none", async () => {
  vi.stubGlobal("WebSocket", undefined);
  expect((await taken(null))()).toBeNull();
});
