/**
 * What pools cost, for a terminal and for docs/performance.md, with a picture of how time grows. Pure.
 */
import type { Comparison } from "./spread.ts";

/** A pool of one size, next to the bare program. */
export interface PoolSize {
  vms: number;
  up: Comparison;
  preview: Comparison;
}

/** Everything that was measured of pools. */
export interface PoolsMeasured {
  sizes: PoolSize[];
  /** Deciding a pool from its stack file, nothing else. */
  planning: { vms: number; seconds: number };
}

/** At most this ratio is hoped for, in a pool of 100 and more. */
export const poolGoal = { vms: 100, ratio: 1.15, planningSeconds: 1 } as const;

const number = (value: number) => value.toFixed(2);
const verdict = (isMet: boolean) => (isMet ? "met" : "not met");

function rows({ sizes, planning }: PoolsMeasured): string[][] {
  const compared = sizes.flatMap(({ vms, up, preview }) =>
    [up, preview].map(({ what, holdfast, other, ratio, runs }) => [
      what,
      String(runs),
      number(ratio.median),
      vms < poolGoal.vms ? "-" : `at most ${poolGoal.ratio}: ${verdict(ratio.median <= poolGoal.ratio)}`,
      number(holdfast.median),
      number(other.median),
    ]),
  );
  const { vms, seconds } = planning;
  const goal = `at most ${poolGoal.planningSeconds} s: ${verdict(seconds <= poolGoal.planningSeconds)}`;
  return [...compared, [`planning of ${vms} VMs`, "1", "-", goal, number(seconds), "-"]];
}

const titles = ["pools, medians", "runs", "ratio", "goal", "holdfast, s", "bare program, s"];

/** For docs/performance.md. */
export function poolsMarkdown(measured: PoolsMeasured, day: string, machine: string): string {
  const table = [titles, titles.map(() => "---"), ...rows(measured)].map((cells) => `| ${cells.join(" | ")} |`);
  return `Measured on ${day}, on ${machine}.\n\n${table.join("\n")}\n\n![How time grows with the pool](performance-pools.svg)\n`;
}

/** For a terminal. */
export function poolsTable(measured: PoolsMeasured): string {
  const all = [titles, ...rows(measured)];
  const widths = titles.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  return `${all
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")}\n`;
}

const [width, height, left, bottom, top] = [960, 420, 70, 360, 50];
const right = width - 230;
const lines = [
  { title: "up, holdfast", colour: "#1f6feb", dashed: false, of: ({ up }: PoolSize) => up.holdfast.median },
  { title: "up, bare program", colour: "#9aa4b2", dashed: false, of: ({ up }: PoolSize) => up.other.median },
  {
    title: "clean preview, holdfast",
    colour: "#1f6feb",
    dashed: true,
    of: ({ preview }: PoolSize) => preview.holdfast.median,
  },
  {
    title: "clean preview, bare program",
    colour: "#9aa4b2",
    dashed: true,
    of: ({ preview }: PoolSize) => preview.other.median,
  },
];

/** How time grows with the pool: both axes are logarithmic. The text of an SVG file. */
export function poolsPicture({ sizes }: PoolsMeasured): string {
  const counts = sizes.map(({ vms }) => vms);
  const seconds = lines.flatMap(({ of }) => sizes.map(of));
  const x = scale([Math.min(...counts), Math.max(...counts)], [left, right]);
  const y = scale([Math.min(...seconds) / 1.5, Math.max(...seconds) * 1.5], [bottom, top]);
  const drawn = lines.map(({ title, colour, dashed, of }, index) => {
    const points = sizes.map((size) => `${x(size.vms).toFixed(1)},${y(of(size)).toFixed(1)}`);
    const dots = points.map((point) => `<circle cx="${point.replace(",", '" cy="')}" r="3.5" fill="${colour}"/>`);
    const dash = dashed ? ' stroke-dasharray="6 4"' : "";
    const at = top + 20 + index * 22;
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>
${dots.join("")}
<line x1="${right + 20}" y1="${at - 4}" x2="${right + 50}" y2="${at - 4}" stroke="${colour}" stroke-width="2"${dash}/>
<text x="${right + 58}" y="${at}" fill="#1f2328">${title}</text>`;
  });
  const columns = counts.map(
    (count) =>
      `<line x1="${x(count)}" y1="${top}" x2="${x(count)}" y2="${bottom}" stroke="#d8dee4"/>
<text x="${x(count)}" y="${bottom + 20}" text-anchor="middle" fill="#1f2328">${count}</text>`,
  );
  const ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].filter((tick) => y(tick) <= bottom && y(tick) >= top);
  const levels = ticks.map(
    (tick) =>
      `<line x1="${left}" y1="${y(tick)}" x2="${right}" y2="${y(tick)}" stroke="#d8dee4"/>
<text x="${left - 8}" y="${y(tick) + 4}" text-anchor="end" fill="#1f2328">${tick} s</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="13">
<title>How time grows with the pool</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="10" y="26" font-size="15" font-weight="bold" fill="#1f2328">Pools on a simulated Proxmox VE, seconds by number of VMs (medians)</text>
${[...columns, ...levels, ...drawn].join("\n")}
</svg>
`;
}

/** A logarithmic scale; a single value stands at its beginning. */
function scale([from, to]: [number, number], [start, end]: [number, number]): (value: number) => number {
  const span = Math.log(to / from) || 1;
  return (value) => start + (Math.log(value / from) / span) * (end - start);
}
