/** `GET /health`: the process answers (M4). It needs no credential and touches nothing. */
import { noQuery } from "../protocol/http.ts";
import { versionOf } from "../settings/environment.ts";
import { checkQuery } from "./checked-input.ts";
import type { OpenHandler } from "./open-plane.ts";
import { json } from "./problem.ts";

export const getHealth: OpenHandler = ({ env, query }) => {
  const none = checkQuery(noQuery, query);
  return none.ok ? json({ status: "ok", version: versionOf(env) }) : none;
};
