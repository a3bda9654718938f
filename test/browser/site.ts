/** The app under test as its own backend serves it: pages, and user tokens for them. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { mintLocally } from "../support/credentials.ts";
import { projectDir } from "../support/worker-config.ts";
import type { PageSettings } from "./record.ts";

/** The user token for a page; throws where the app's backend has none to give: 503. */
type TokenDesk = (user: string, ttlSeconds: number | undefined) => Promise<string>;

export interface Site {
  readonly origin: string;
  /** The address of a page from test/browser/pages. */
  page(name: string, settings?: PageSettings): string;
  /** Who gives tokens; a test may take its place. */
  tokens: TokenDesk;
  stop(): Promise<void>;
}

export const mint: TokenDesk = (user, ttlSeconds) => mintLocally(user, ttlSeconds === undefined ? {} : { ttlSeconds });

export const startSite = async (): Promise<Site> => {
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
    const [, name = "", suffix] = /^\/([a-z-]+)(\.js)?$/.exec(pathname) ?? [];
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { "content-type": `${type}; charset=utf-8` }).end(body);
    if (name === "token") {
      const ttl = searchParams.get("ttl") ?? "";
      await site.tokens(searchParams.get("user") ?? "", ttl === "" ? undefined : Number(ttl)).then(
        (token) => answer(200, "text/plain", token),
        () => answer(503, "text/plain", "No tokens just now."),
      );
    } else if (suffix !== undefined) answer(200, "text/javascript", await bundled(name));
    else if (name !== "") answer(200, "text/html", html(name));
    else answer(404, "text/plain", "");
  });
  await new Promise<void>((done) => server.listen(0, "localhost", done));
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const site: Site = {
    origin,
    page: (name, settings) =>
      `${origin}/${name}${settings === undefined ? "" : `?settings=${encodeURIComponent(JSON.stringify(settings))}`}`,
    tokens: mint,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  return site;
};

const html = (name: string): string => `<!doctype html>
<html lang="en">
  <title>${name}</title>
  <div id="app"></div>
  <script type="module" src="/${name}.js"></script>
</html>
`;

const bundles = new Map<string, Promise<string>>();

/** A page's code as one module; made once for each page in a process. */
const bundled = (name: string): Promise<string> => {
  const known = bundles.get(name);
  if (known !== undefined) return known;
  const making = build({
    entryPoints: [join(projectDir, "test/browser/pages", name)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    // React's StrictMode does nothing in production.
    define: { "process.env.NODE_ENV": '"development"' },
    logLevel: "silent",
  }).then((result) => result.outputFiles[0]?.text ?? "");
  bundles.set(name, making);
  return making;
};
