/** What a caller gives, looked at before anything is sent: only what the server could not see as it was meant. */
import { isSenderId, isUser } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import { seqOfServerId } from "../protocol/message.ts";
import type { SendFields } from "../protocol/sender-api.ts";
import type { Message } from "./message.ts";
import { type Failure, SendError } from "./send-error.ts";

/** Undefined where it can be one: a URL would take `.` and `..` for something else. */
export const badUser = (user: unknown): Failure | undefined => {
  if (typeof user === "string" && isUser(user)) return undefined;
  const detail = "A user is a text of 1 to 256 bytes in UTF-8 without control characters, and not . or ..";
  return { code: "invalid_user", detail, retry: "no" };
};

export const checkUser = (user: unknown): void => {
  const failure = badUser(user);
  if (failure !== undefined) refuse(failure);
};

export const checkId = (id: unknown): void => {
  if (typeof id === "string" && (isSenderId(id) || seqOfServerId(id) !== undefined)) return;
  refuse({ code: "invalid_request", detail: "The id is none that a message can have.", retry: "no" });
};

/** Seconds; as the server does, more than it holds a reply for is what it holds it for. */
export const checkedWait = (wait = 0): number => {
  if (wait >= 0) return Math.min(wait, LIMITS.waitMaxMs / 1_000);
  return refuse({ code: "invalid_request", detail: `wait: seconds from 0 on; it is ${wait}.`, retry: "no" });
};

/** As RFC 3339 has it. What a text says, the server judges. */
export const checkedInstant = (name: string, time: Date | string): string => {
  if (typeof time === "string") return time;
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  return refuse({ code: "invalid_request", detail: `${name}: an instant; it is an invalid Date.`, retry: "no" });
};

const refuse = (failure: Failure): never => {
  throw new SendError(failure, { attempts: 0 });
};

/** With an id of the SDK's own where the app gave none: one over all attempts. What is undefined, JSON leaves out. */
export const fieldsOf = ({ id, ...fields }: Message): SendFields => {
  const own = id === false ? undefined : (id ?? crypto.randomUUID());
  return { ...(fields as SendFields), ...(own === undefined ? {} : { id: own }) };
};
