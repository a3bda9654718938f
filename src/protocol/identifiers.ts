/** Which users, devices, ids, topics and types are well formed (the contract's vocabulary). */
import { LIMITS } from "./limits.ts";

const encoder = new TextEncoder();

/** Size of a text in UTF-8. */
export const utf8Bytes = (text: string): number => encoder.encode(text).length;

// Controls of ASCII and Latin-1 (category Cc).
const CONTROL = /\p{Cc}/u;
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;
const DEVICE = /^[A-Za-z0-9._~-]{1,64}$/;

/** 1–256 UTF-8 bytes, well-formed Unicode, no control characters, not `.` or `..` (a URL would swallow those). */
export const isUser = (text: string): boolean => {
  if (text === "" || text === "." || text === "..") return false;
  // Most users are plain ASCII, where a character is a byte.
  if (PRINTABLE_ASCII.test(text)) return text.length <= LIMITS.userMaxBytes;
  return text.isWellFormed() && !CONTROL.test(text) && utf8Bytes(text) <= LIMITS.userMaxBytes;
};

export const isDevice = (text: string): boolean => DEVICE.test(text);

export const isType = (text: string): boolean =>
  text !== "" && text.length <= LIMITS.typeMaxChars && text.isWellFormed();

/** 1–128 printable ASCII characters; one that starts with `~` is the server's own, and a URL would swallow `.` and `..`. */
export const isSenderId = (text: string): boolean =>
  text.length <= LIMITS.idMaxChars &&
  PRINTABLE_ASCII.test(text) &&
  !text.startsWith("~") &&
  text !== "." &&
  text !== "..";

export const isTopic = (text: string): boolean => text.length <= LIMITS.topicMaxChars && PRINTABLE_ASCII.test(text);

/** What JSON Schema can say of a text (OpenAPI, AsyncAPI). Its patterns are those of JavaScript, its lengths code points. */
export interface Shape {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

/** The same rules as above: what these refuse is refused above, too. */
export const SHAPES = {
  // A character has a byte or more.
  user: { maxLength: LIMITS.userMaxBytes, pattern: "^(?!\\.{1,2}$)[^\\u0000-\\u001f\\u007f-\\u009f]+$" },
  device: { pattern: DEVICE.source },
  type: { minLength: 1, maxLength: LIMITS.typeMaxChars },
  senderId: { maxLength: LIMITS.idMaxChars, pattern: "^(?!~|\\.{1,2}$)[\\x20-\\x7e]+$" },
  topic: { maxLength: LIMITS.topicMaxChars, pattern: PRINTABLE_ASCII.source },
} as const satisfies Readonly<Record<string, Shape>>;
