/**
 * The picture of docs/performance.md: one bar for each part, as long as it took. SVG without scripts, styles of a page or
 * fonts of a machine, so that a forge shows it. Pure.
 */
import type { Measured, PartSpread } from "./report.ts";

const width = 960;
const labelWidth = 430;
const rowHeight = 22;
const titleHeight = 40;
const legendHeight = 36;
const barWidth = width - labelWidth - 80;

/** The picture, as the text of an SVG file. */
export function picture({ parts }: Measured): string {
  const preview = chart("A clean preview of a runner stack, seconds (median)", parts.preview, 0);
  const up = chart("From a configured stack to a green job, seconds (median)", parts.up, preview.height);
  const top = preview.height + up.height;
  const height = top + legendHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="13">
<title>Where the time of holdfast goes</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${preview.svg}
${up.svg}
${legend(top)}
</svg>
`;
}

/** Parts whose name begins like this are holdfast's own; the others are the engine's, the providers' and the VM's. */
const own =
  /^(program: own modules|site contract|plugin holdfast|preflight|bridge rule|registration|runner and its fence)/;

const [ownColour, otherColour] = ["#1f6feb", "#9aa4b2"];

function legend(top: number): string {
  return [
    [ownColour, labelWidth, "holdfast's own"] as const,
    [otherColour, labelWidth + 140, "the engine, the providers, the machine"] as const,
  ]
    .map(
      ([colour, x, text]) =>
        `<rect x="${x}" y="${top + 8}" width="12" height="12" fill="${colour}"/>
<text x="${x + 18}" y="${top + 18}" fill="#1f2328">${escaped(text)}</text>`,
    )
    .join("\n");
}

function chart(title: string, parts: readonly PartSpread[], top: number): { svg: string; height: number } {
  const longest = Math.max(...parts.map(({ median }) => median));
  const rows = parts.map(({ name, median }, index) => {
    const y = top + titleHeight + index * rowHeight;
    const length = Math.max(1, Math.round((median / longest) * barWidth));
    const colour = own.test(name) ? ownColour : otherColour;
    return `<text x="${labelWidth - 10}" y="${y + 15}" text-anchor="end" fill="#1f2328">${escaped(name)}</text>
<rect x="${labelWidth}" y="${y + 3}" width="${length}" height="${rowHeight - 6}" fill="${colour}"/>
<text x="${labelWidth + length + 6}" y="${y + 15}" fill="#1f2328">${median.toFixed(2)}</text>`;
  });
  const heading = `<text x="10" y="${top + 26}" font-size="15" font-weight="bold" fill="#1f2328">${escaped(title)}</text>`;
  return { svg: [heading, ...rows].join("\n"), height: titleHeight + parts.length * rowHeight + 10 };
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
