/** Which browser pages may use the user plane (A4), and what CORS tells them. */
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import type { AccessSettings } from "../settings/access.ts";

type OriginSettings = Pick<AccessSettings, "allowedOrigins" | "isDevelopment">;

const LOCALHOST = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?$/;

const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** The request's origin where it is allowed; undefined where there is none, so that it is no browser. */
export const checkOrigin = (request: Request, settings: OriginSettings): Checked<string | undefined> => {
  const origin = request.headers.get("origin");
  if (origin === null) return granted(undefined);
  const { allowedOrigins, isDevelopment } = settings;
  if (allowedOrigins === undefined) {
    // The runtime makes the URL from the client's Host header, whatever that holds.
    const own = URL.canParse(request.url) ? new URL(request.url).origin : undefined;
    const isAllowed = origin === own || (isDevelopment && LOCALHOST.test(origin));
    return isAllowed ? granted(origin) : notAllowed(origin);
  }
  const entries = allowedOrigins
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const rules = entries.map(originRule);
  const broken = entries.filter((_, index) => rules[index] === undefined);
  if (broken.length > 0) {
    return refuse(
      "not_configured",
      `ALLOWED_ORIGINS: not an origin: ${broken.join(", ")}. It takes a comma separated list of origins such as https://app.example.com, https://*.example.com, capacitor://localhost, null.`,
    );
  }
  return rules.some((rule) => rule?.(origin)) ? granted(origin) : notAllowed(origin);
};

const notAllowed = (origin: string): Checked<never> =>
  refuse(
    "origin_not_allowed",
    `The origin ${origin.slice(0, 256)} is not allowed: add it to the setting ALLOWED_ORIGINS of the deployment.`,
    { extra: { origin: origin.slice(0, 256) } },
  );

/** One entry of ALLOWED_ORIGINS as what it matches; undefined where it is no origin. */
const originRule = (entry: string): ((origin: string) => boolean) | undefined => {
  if (entry === "null") return (origin) => origin === "null";
  const [, scheme, wildcard, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(\*\.)?([^*/?#@\s]+)\/?$/i.exec(entry) ?? [];
  if (scheme === undefined || rest === undefined || !URL.canParse(scheme + rest)) return undefined;
  // Browsers send an origin in lower case, in punycode and without its default port: `URL` writes ours the same way.
  const { protocol, host } = new URL(scheme + rest);
  if (wildcard === undefined) return (origin) => origin === `${protocol}//${host}`;
  const [start, end] = [`${protocol}//`, `.${host}`];
  return (origin) =>
    origin.startsWith(start) && origin.endsWith(end) && LABELS.test(origin.slice(start.length, -end.length));
};

/** What an allowed page may read of a reply. */
export const corsHeaders = (origin: string): Readonly<Record<string, string>> => ({
  "access-control-allow-origin": origin,
  "access-control-expose-headers": "retry-after, www-authenticate",
  vary: "Origin",
});

// Chrome's longest.
const PREFLIGHT_SECONDS = 7_200;

export const preflight = (origin: string | undefined, methods: readonly string[]): Response =>
  new Response(null, {
    status: 204,
    headers:
      origin === undefined
        ? { allow: [...methods, "OPTIONS"].join(", ") }
        : {
            ...corsHeaders(origin),
            "access-control-allow-methods": methods.join(", "),
            "access-control-allow-headers": "authorization, content-type, last-event-id",
            "access-control-max-age": String(PREFLIGHT_SECONDS),
          },
  });
