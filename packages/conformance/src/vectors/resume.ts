// Sessions that outlive their connection, as scripts.
import type { Generator } from "./file.ts";
import { acks } from "./lifecycle-ack.ts";
import { lifeBatches } from "./lifecycle-batches.ts";
import { resumptions } from "./lifecycle-resume.ts";
import { resumeAgain } from "./lifecycle-resume-again.ts";
import { resumeAnswers } from "./lifecycle-resume-answer.ts";
import { resumeBehind } from "./lifecycle-resume-behind.ts";
import { resumeClients } from "./lifecycle-resume-client.ts";
import { resumeConfirmations } from "./lifecycle-resume-confirm.ts";
import { resumeHellos } from "./lifecycle-resume-hello.ts";
import { resumeRate } from "./lifecycle-resume-rate.ts";
import { resumeServers } from "./lifecycle-resume-server.ts";
import { resumeTimes } from "./lifecycle-resume-time.ts";

export const generate: Generator = () => [
  ...acks(),
  ...resumptions(),
  ...resumeHellos(),
  ...resumeConfirmations(),
  ...resumeServers(),
  ...resumeAnswers(),
  ...resumeClients(),
  ...resumeAgain(),
  ...resumeBehind(),
  ...resumeTimes(),
  ...resumeRate(),
  ...lifeBatches(),
];
