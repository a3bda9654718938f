/** What wrangler says that it has deployed (O3), on the lines of JSON that it writes to `WRANGLER_OUTPUT_FILE_PATH`. */

export interface Deployed {
  /** Cloudflare's id of the version; undefined where wrangler gave none. */
  readonly version: string | undefined;
  /** Where it answers: the account's own name first. */
  readonly urls: readonly string[];
}

export const deployedOf = (report: string): Deployed => {
  const entries = report.split("\n").flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line)]));
  const entry = entries.findLast(({ type }) => type === "deploy");
  const targets: readonly string[] = entry?.targets ?? [];
  return { version: entry?.version_id ?? undefined, urls: targets.flatMap(urlOf) };
};

/** `https://name.account.workers.dev`, `example.com/* (zone name: …)`, `example.com (custom domain)`; and `schedule: …`, which answers nobody. */
const urlOf = (target: string): readonly string[] => {
  const [place = ""] = target.split(" ");
  const host = place.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  // A pattern of many hosts is none that could be asked.
  return /^[a-z0-9.-]+\.[a-z0-9-]+(?::[0-9]+)?$/i.test(host) ? [`https://${host}`] : [];
};
