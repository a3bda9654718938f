import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { apiKeySetting, newApiKey, SCOPES } from "./api-key.ts";

/** What `npm start` cannot do without, each with what it is for. */
const needed: readonly { readonly name: RegExp; readonly say: string }[] = [
  { name: /^TOKEN_SECRET$/, say: "TOKEN_SECRET (signs user tokens)" },
  { name: /^API_KEY_[A-Z0-9_]+$/, say: "API_KEY_<NAME> (lets a backend in; `npm run key` makes one)" },
  { name: /^RESTANTE_API_KEY$/, say: "RESTANTE_API_KEY (the plain key that the lines to paste read)" },
];

/**
 * Sees to the secrets of a local server, in wrangler's `.dev.vars`: makes them where the file is missing, and says what a file that is
 * there lacks. It is never changed: what stands in it may be in use.
 */
export const ensureDevVars = (path: string): { readonly made: boolean; readonly missing: readonly string[] } => {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    const key = newApiKey();
    writeFileSync(
      path,
      [
        "# Secrets of the local server, made by npm start. Git ignores this file; delete it to get new ones.",
        `TOKEN_SECRET=${randomBytes(48).toString("base64url")}`,
        `API_KEY_LOCAL=${apiKeySetting(SCOPES, key)}`,
        "# The key itself: the server wants only the line above, a backend sends this.",
        `RESTANTE_API_KEY=${key}`,
        "",
      ].join("\n"),
      // Of its owner alone; `wx` leaves it alone where another start has made it in between.
      { mode: 0o600, flag: "wx" },
    );
    return { made: true, missing: [] };
  }
  const names = [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z0-9_]+)\s*=\s*\S/gm)].map((match) => match[1] ?? "");
  return { made: false, missing: needed.filter((n) => !names.some((name) => n.name.test(name))).map((n) => n.say) };
};
