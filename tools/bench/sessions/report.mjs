// The figures of the sessions' bench, for a terminal and as a document.

const ms = (value) => (value === undefined ? "" : value.toFixed(value < 10 ? 1 : 0));

/** What was measured, as tables of strings: title, head, rows, and sentences below them. */
export function tables({ nothing, refresh, rekey, resume, expiry }) {
  const gap = (title, g, events = String(g.events)) => [
    title,
    events,
    ms(g.medianMs),
    ms(g.p99Ms),
    ms(g.largestMs),
    ms(g.largestDuringMs),
  ];
  const stall = ms(expiry.stallLargestMs);
  return [
    {
      title: "A message of 256 bytes every 2 ms in each direction; gaps between deliveries, in ms",
      head: ["", "times", "median", "99 %", "largest", "during it"],
      rows: [gap("nothing else", nothing, ""), gap("token refreshed", refresh), gap("keys renewed", rekey)],
      notes: [],
    },
    {
      title: "After a cut, without the pause before an attempt, in ms",
      head: ["", "times", "median", "largest"],
      rows: [
        ["session open again", String(resume.cuts), ms(resume.openMedianMs), ms(resume.openLargestMs)],
        ["message of meanwhile there", "", ms(resume.deliveredMedianMs), ms(resume.deliveredLargestMs)],
      ],
      notes: [],
    },
    {
      title: `${expiry.sessions} sessions of one server expire in the same second`,
      head: ["", "ms"],
      rows: [
        ["largest stall of its event loop", stall],
        ["the same before, idle", ms(expiry.idleLargestMs)],
        ["the same, all reminded of the end", ms(expiry.reminderLargestMs)],
        ["CPU", ms(expiry.cpuMs)],
        ["all ended, after the second", ms(expiry.lastEndedAfterMs)],
      ],
      notes: [
        `${Math.round(expiry.bytesPerSession / 1024)} KiB a session`,
        ...(expiry.idleSettled ? [] : ["the event loop did not come to rest before, so that idle is not idle"]),
        ...(expiry.refused > 0 ? [`${expiry.refused} could not be opened in time`] : []),
      ],
    },
  ];
}

/** @param {ReturnType<typeof tables>} all @param {string} machine */
export function terminal(all, machine) {
  const row = (cells) => `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padStart(11))).join("")}`;
  const one = ({ title, head, rows, notes }) =>
    [title, row(head), ...rows.map(row), ...notes.map((note) => `  ${note}`)].join("\n");
  return [...all.map(one), machine].join("\n\n");
}

/** @param {ReturnType<typeof tables>} all @param {string} machine */
export function markdown(all, machine) {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  const one = ({ title, head, rows, notes }) =>
    [
      `## ${title}`,
      "",
      row(head),
      row(head.map((_, i) => (i === 0 ? "---" : "--:"))),
      ...rows.map(row),
      ...(notes.length > 0 ? ["", `${notes.join("; ")}.`] : []),
    ].join("\n");
  const intro = [
    "# What lasting sessions cost",
    "",
    "Written by `npm run bench:sessions -- --write`: the built packages, client and server in one process, over sockets on loopback.",
    `Measured ${machine}. A load near the number of cores, or above, makes the largest gaps those of the machine.`,
  ].join("\n");
  return `${[intro, ...all.map(one)].join("\n\n")}\n`;
}
