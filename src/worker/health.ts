/** `GET /health`: the process answers (M4). It needs no credential and touches nothing. */
import { noQuery } from "../protocol/http.ts";
import { versionOf } from "../settings.ts";
import { checkQuery } from "./checked-input.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { json } from "./problem.ts";

export type OpenHandler = (exchange: Exchange) => Answer;

export const getHealth: OpenHandler = ({ env, query }) => {
  const none = checkQuery(noQuery, query);
  return none.ok ? json({ status: "ok", version: versionOf(env) }) : none;
};
