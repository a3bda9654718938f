/** Holds PROTOCOL.md to the code: its tables, and whatever it names. */

import { expect, test } from "vitest";
import { ERRORS } from "../../src/protocol/errors.ts";
import * as frames from "../../src/protocol/frames.ts";
import * as http from "../../src/protocol/http.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { LOCATIONS } from "../../src/protocol/location.ts";
import { DEAD_LETTER_REASONS, type MessageStatus } from "../../src/protocol/message.ts";
import { READINESS_STEPS } from "../../src/protocol/readiness.ts";
import { DELIVERY_DEFAULTS, deliverySettings } from "../../src/settings/delivery.ts";
import { quoted, read, rows } from "./document.ts";
import { ROUTES } from "./worker-under-test.ts";

const page = read("protocol/PROTOCOL.md");

test("[E1, C11] PROTOCOL.md lists every error code with its status, close code, retry and title", () => {
  expect(rows(page, "code")).toEqual(
    Object.entries(ERRORS).map(([code, { status, close, retry, title }]) => [
      `\`${code}\``,
      String(status ?? ""),
      String(close ?? ""),
      retry,
      title,
    ]),
  );
});

test("[C11] PROTOCOL.md says for each close code which errors it stands for", () => {
  const reasons: Record<string, readonly string[]> = {};
  // What no error stands for: the platform's, and a client's own.
  for (const code of [...Object.values(frames.CLOSE), 1006]) reasons[code] = [];
  for (const [code, { close }] of Object.entries(ERRORS)) {
    if (close !== undefined) reasons[close] = [...(reasons[close] ?? []), code].toSorted();
  }
  expect(Object.fromEntries(rows(page, "close").map(([close, cell]) => [close, quoted(cell).toSorted()]))).toEqual(
    reasons,
  );
});

test("[E1] a code that PROTOCOL.md names beside a status or close code has that one", () => {
  const pairs = [...page.matchAll(/(\d{3,4}) `([a-z]+_[a-z_]+|internal|unavailable|overloaded)`/g)];
  expect(pairs.length).toBeGreaterThan(30);
  const wrong = pairs.filter(([, number, code]) => {
    const row = ERRORS[code as keyof typeof ERRORS];
    return row === undefined || ![row.status, row.close].includes(Number(number));
  });
  expect(wrong.map(([pair]) => pair)).toEqual([]);
});

const UNITS: Readonly<Record<string, number>> = {
  bytes: 1,
  KiB: 1_024,
  MiB: 1_024 ** 2,
  second: 1_000,
  seconds: 1_000,
  hour: 3_600_000,
  hours: 3_600_000,
  days: 86_400_000,
};

test("PROTOCOL.md lists every limit with its value, and the setting that changes it", () => {
  const listed = rows(page, "name").map(([name, value = ""]) => {
    const [number = "", unit] = value.split(" ");
    const isBare = !/(?:Bytes|Ms)$/.test(quoted(name)[0] ?? "");
    const factor = isBare && unit === undefined ? 1 : UNITS[unit ?? ""];
    return [quoted(name)[0], Number(number.replaceAll(",", "")) * (factor ?? Number.NaN)];
  });
  expect(listed).toEqual(Object.entries(LIMITS));

  // A setting moves the delivery setting of the limit's name, and no other.
  for (const [name, , , setting] of rows(page, "name").filter((row) => row[3] !== "")) {
    const { settings: changed } = deliverySettings({
      [quoted(setting)[0] ?? ""]: setting?.includes("BYTES") ? "1000000" : "700",
    });
    const differing = Object.entries(changed).filter(
      ([key, value]) => DELIVERY_DEFAULTS[key as keyof typeof changed] !== value,
    );
    expect(differing.map(([key]) => key)).toEqual(quoted(name));
  }
});

test("[A1] PROTOCOL.md lists every route with its scopes, its query and its body", () => {
  const keys = (schema: { readonly entries: object }) => Object.keys(schema.entries);
  const queries: Readonly<Record<string, readonly string[]>> = {
    "GET /v1/users/{user}/messages": keys(http.pageQuery),
    "GET /v1/users/{user}/dead-letters": keys(http.deadLettersQuery),
    "POST /v1/users/{user}/dead-letters/requeue": keys(http.reasonQuery),
    "DELETE /v1/users/{user}/dead-letters": keys(http.reasonQuery),
    "GET /v1/users/{user}/webhooks": keys(http.pageQuery),
    "GET /v1/attention": keys(http.attentionQuery),
    "POST /v1/dead-letters/requeue": keys(http.bulkQuery),
    "DELETE /v1/dead-letters": keys(http.bulkQuery),
    "GET /v1/jobs": keys(http.noQuery),
    "GET /v1/jobs/{job}": keys(http.noQuery),
    "DELETE /v1/jobs/{job}": keys(http.noQuery),
    "GET /v1/socket": keys(http.socketQuery),
    "GET /v1/events": keys(http.socketQuery),
    "PUT /v1/connections/{connection_id}/token": keys(http.noQuery),
    "POST /v1/connections/{connection_id}/ack": keys(http.tokenQuery),
    "POST /v1/connections/{connection_id}/reject": keys(http.tokenQuery),
    "GET /metrics": keys(http.noQuery),
    "GET /v1/monitor": keys(http.monitorQuery),
    "GET /v1/alerts": keys(http.noQuery),
    "GET /v1/key": keys(http.noQuery),
    "GET /health": keys(http.noQuery),
    "GET /ready": keys(http.noQuery),
    "GET /openapi.json": keys(http.noQuery),
    "GET /asyncapi.json": keys(http.noQuery),
  };
  const bodies: Readonly<Record<string, readonly string[]>> = {
    "POST /v1/users/{user}/messages": keys(http.sendBody),
    "POST /v1/messages": keys(http.batchBody),
    "POST /v1/connections/{connection_id}/ack": keys(http.ackBody),
    "POST /v1/connections/{connection_id}/reject": keys(http.rejectBody),
    "POST /v1/users/{user}/tokens": keys(http.tokenBody),
    "POST /v1/dead-letters/requeue": keys(http.requeueBody),
    "POST /v1/users/{user}/dead-letters/requeue": keys(http.requeueBody),
    "POST /v1/users/{user}/dead-letters/{seq}/requeue": keys(http.requeueBody),
  };
  const routes = (ROUTES as readonly ((typeof ROUTES)[number] & { readonly scopes?: readonly string[] })[]).map((r) => {
    const route = `${r.method} ${r.path.replace(/:(\w+)/g, "{$1}")}`;
    const scopes = r.scopes?.map((s) => `\`${s}\``).join(" or ");
    const scope = { backend: scopes, user: "user token", open: scopes ? `none, or ${scopes}` : "none" }[r.plane];
    return [
      route,
      scope,
      [...(queries[route] ?? keys(http.placedQuery))].toSorted(),
      [...(bodies[route] ?? [])].toSorted(),
    ];
  });
  const listed = rows(page, "route").map(([route, scope, query, body]) => [
    quoted(route)[0],
    scope,
    quoted(query).toSorted(),
    quoted(body).toSorted(),
  ]);
  expect(listed.toSorted()).toEqual(routes.toSorted());
  for (const location of LOCATIONS) expect(page).toContain(`\`${location}\``);
});

test("PROTOCOL.md names no path that is no route", () => {
  const patterns = ROUTES.map(({ path }) => path.replace(/:(\w+)/g, "{$1}"));
  const named = [...page.matchAll(/\/v1\/[\w{}/-]*[\w}]/g)].map(([path]) => path.replace("/ada/", "/{user}/"));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !patterns.includes(path))).toEqual([]);
});

test("[M4] PROTOCOL.md names every step of the start-up check, in order", () => {
  const [, steps = ""] = page.replace(/\s+/g, " ").split("check that passes are");
  expect(quoted(steps).slice(0, READINESS_STEPS.length)).toEqual(READINESS_STEPS);
});

test("PROTOCOL.md names every status of a message", () => {
  const statuses: Readonly<Record<MessageStatus, true>> = {
    ...{ queued: true, delivered: true, expired: true, rejected: true, undeliverable: true },
    ...{ replaced: true, recalled: true, dropped: true, erased: true },
  };
  const [, ended] = rows(page, "word").find(([word]) => word === "ended") ?? [];
  expect(quoted(ended).toSorted()).toEqual(Object.keys(statuses).toSorted());
  const [, deadLetter] = rows(page, "word").find(([word]) => word === "dead letter") ?? [];
  expect(quoted(deadLetter)).toEqual(DEAD_LETTER_REASONS);
});

test("what PROTOCOL.md refers to exists", () => {
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  const links = [...page.matchAll(/\]\(#([^)]*)\)/g)].map((m) => m[1] ?? "");
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
  const names = quoted(page.replace(/^```[\s\S]*?^```$/gm, "")).filter((name) => /^[a-z]+(?:[A-Z][a-z]+)+$/.test(name));
  // The functions of JavaScript that the page names are not limits.
  expect(names.filter((name) => !(name in LIMITS) && name !== "encodeURIComponent")).toEqual([]);
});
