/**
 * The cloud image that a simulated Proxmox VE finds when it downloads: sizes and a digest, and nothing behind them.
 */
export const pretendImage = {
  url: "https://images.lab/pretend.img",
  /** Bytes, as a download and as a disk. */
  size: 600_000_000,
  virtualSize: 3.5 * 1024 ** 3,
  sha256: "ab".repeat(32),
} as const;
