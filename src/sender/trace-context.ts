/** The trace that the app is in, where it uses OpenTelemetry: found as its API keeps it, so that nothing depends on that package. */

/** What `@opentelemetry/api` 1.x registers, of which only this is used. */
interface OpenTelemetry {
  readonly context?: { active(): unknown };
  readonly propagation?: {
    inject(
      context: unknown,
      carrier: Record<string, string>,
      setter: { set(carrier: Record<string, string>, name: string, value: string): void },
    ): void;
  };
}

const API = Symbol.for("opentelemetry.js.api.1");
const setter = {
  set: (carrier: Record<string, string>, name: string, value: string) => {
    carrier[name] = value;
  },
};

/** The `traceparent` header (W3C Trace Context) of the active span, written by the propagator that the app has set. */
export const activeTraceparent = (): string | undefined => {
  const { context, propagation } = ((globalThis as { [API]?: OpenTelemetry })[API] ?? {}) as OpenTelemetry;
  if (context === undefined || propagation === undefined) return undefined;
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier, setter);
  return carrier.traceparent;
};

/** A header's value must not break the request: what is no traceparent is left out, as the server would do. */
export const wellFormed = (traceparent: string | undefined): { readonly traceparent?: string } =>
  traceparent !== undefined && /^[0-9a-f-]{1,128}$/.test(traceparent) ? { traceparent } : {};
