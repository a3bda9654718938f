/** As much of Cloudflare's API as `wrangler deploy` calls for a Worker that is there already, on this machine: it deploys nothing, and says that it has. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface CloudflareApi {
  /** What wrangler needs to take it for Cloudflare's. */
  readonly env: Readonly<Record<string, string>>;
  /** Method and path of each call, below the account. */
  readonly calls: readonly string[];
  close(): void;
}

/** `name` is the Worker's; `version`: the id that it gives to whatever is deployed. */
export const startCloudflareApi = async (name: string, version: string): Promise<CloudflareApi> => {
  const calls: string[] = [];
  const script = { last_deployed_from: "wrangler", tag: "t", migration_tag: "v1", etag: "e", handlers: ["fetch"] };
  const results: readonly (readonly [call: RegExp, result: unknown])[] = [
    [/^GET \/services\/[^/]+$/, { default_environment: { environment: "production", script } }],
    // It has all files of the console already.
    [/^POST .*\/assets-upload-session$/, { buckets: [], jwt: "e30.e30.e30" }],
    [/^POST .*\/versions$/, { id: version, metadata: {}, startup_time_ms: 5, resources: { script, bindings: [] } }],
    [/^GET .*\/deployments$/, { deployments: [{ id: "d", versions: [{ version_id: "v0", percentage: 100 }] }] }],
    [/^POST .*\/deployments$/, { id: "d" }],
    [/\/scripts\/[^/]+\/subdomain$/, { enabled: true, previews_enabled: false }],
    [/ \/workers\/[^/]+$/, { id: "w", name, subdomain: { enabled: true, previews_enabled: false } }],
    [/ \/subdomain$/, { subdomain: "acme" }],
    [/^GET .*\/secrets$|\/routes$|^GET \/scripts$|\/domains/, []],
  ];
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const path = (request.url ?? "").replace(/^.*?\/workers(?=\/)/, "").split("?")[0];
      const call = `${request.method} ${path}`;
      calls.push(call);
      const result = results.find(([pattern]) => pattern.test(call))?.[1] ?? {};
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ success: true, errors: [], messages: [], result }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}/client/v4`,
      CLOUDFLARE_API_TOKEN: "any",
      CLOUDFLARE_ACCOUNT_ID: "0123456789abcdef0123456789abcdef",
    },
    calls,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
