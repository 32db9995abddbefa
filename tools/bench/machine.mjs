// The machine that figures were measured on: they say nothing without it.
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";

export const machine = () => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memory: totalmem(),
  system: `${platform()} ${release()} ${arch()}`,
  node: process.version,
  /** Over the last minute: above the number of cores, the figures are those of a machine that had other work too. */
  load: loadavg()[0],
});

/** @param {ReturnType<typeof machine>} m */
export const machineLine = (m) =>
  `on ${m.cpu}, ${m.cores} cores, ${Math.round(m.memory / 2 ** 30)} GiB, ${m.system}, Node ${m.node}, load ${m.load.toFixed(1)}`;
