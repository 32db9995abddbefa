export * from "@sealwire/core";
export type {
  AuthorizeContext,
  CookieFactor,
  ServerContext,
  ServerHandler,
  ServerOptions,
  ServerSession,
  TokenPolicy,
  TokenWay,
} from "./options.ts";
export { type Policy, type PolicyExplanation, policy } from "./policy/policy.ts";
export type { PolicyCondition, PolicyRule } from "./policy/rule.ts";
export type { Principal } from "./principal.ts";
export {
  type ResumeStoreContractCase,
  type ResumeStoreSubject,
  resumeStoreContract,
} from "./resume-contract.ts";
export { createMemoryResumeStore, type MemoryResumeStoreOptions, type ResumeStore } from "./resume-store.ts";
export type { Revocation, RevokedToken } from "./revocation.ts";
export { createServer, type SealwireServer } from "./server.ts";
export {
  createTickets,
  type MemoryTicketStoreOptions,
  memoryTicketStore,
  type TicketRecord,
  type TicketStore,
  type Tickets,
  type TicketsOptions,
} from "./tickets.ts";
