import type { Mailbox, Monitor } from "../../src/index.ts";

declare global {
  // biome-ignore lint/style/noNamespace: the types of `cloudflare:workers` are extended in this one way
  namespace Cloudflare {
    /** What `env` of `cloudflare:workers` holds in this project: wrangler.toml's bindings, vitest.config.ts's variables. */
    interface Env {
      readonly MAILBOX: DurableObjectNamespace<Mailbox>;
      readonly MONITOR: DurableObjectNamespace<Monitor>;
      readonly ENVIRONMENT: string;
      readonly API_KEY_TEST: string;
      readonly TOKEN_SECRET: string;
    }
    interface GlobalProps {
      mainModule: typeof import("../../src/index.ts");
    }
  }
}
