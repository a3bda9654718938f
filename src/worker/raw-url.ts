/**
 * A request's path and query as they came. `URL` would resolve `%2e%2e` and Hono would decode leniently: then two
 * texts could address one user, or a user's name another route.
 */
import { type Checked, granted, type HttpErrorCode, refuse } from "../protocol/errors.ts";

export const rawPath = (request: Request): string => {
  const { url } = request;
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?");
  if (start === -1 || (query !== -1 && query < start)) return "/";
  return query === -1 ? url.slice(start) : url.slice(start, query);
};

export const rawQuery = (request: Request): string => {
  const { url } = request;
  const query = url.indexOf("?");
  return query === -1 ? "" : url.slice(query + 1);
};

/** Decodes one segment of a path, once and strictly. */
export const decodeSegment = (segment: string, code: HttpErrorCode): Checked<string> => {
  try {
    return granted(decodeURIComponent(segment));
  } catch {
    return refuse(code, "A part of the path is not percent-encoded UTF-8: encode it once, as encodeURIComponent does.");
  }
};
