/**
 * What one would write without us, and as durable: Node's own HTTP server and SQLite in WAL mode, with `synchronous = FULL`. A message is on
 * the disk before its 202, goes to the user's sockets, and is deleted with its ack. One process, as Node is.
 *
 * `node node-sqlite.ts <database>` listens on a port of its own choice and writes it to stdout.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { type WebSocket, WebSocketServer } from "ws";

const database = new DatabaseSync(process.argv[2] ?? ":memory:");
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
database.exec("CREATE TABLE messages (seq INTEGER PRIMARY KEY, user TEXT NOT NULL, body TEXT NOT NULL)");
const insert = database.prepare("INSERT INTO messages (user, body) VALUES (?, ?)");
const remove = database.prepare("DELETE FROM messages WHERE user = ? AND seq <= ?");
const held = database.prepare("SELECT seq, body FROM messages WHERE user = ? ORDER BY seq");
const sockets = new Map<string, Set<WebSocket>>();

const entry = (seq: number | bigint, body: string): string => `{"seq":${seq},${body.slice(1)}`;
const frame = (entries: readonly string[]): string => `{"type":"messages","messages":[${entries.join(",")}]}`;

const server = createServer((request, response) => {
  const user = request.url?.split("/")[3] ?? "";
  let body = "";
  request.on("data", (chunk: Buffer) => {
    body += chunk;
  });
  request.on("end", () => {
    const { type, data } = JSON.parse(body) as { type: string; data: unknown };
    const { lastInsertRowid: seq } = insert.run(user, JSON.stringify({ type, data }));
    const text = frame([entry(seq, JSON.stringify({ type, data }))]);
    for (const socket of sockets.get(user) ?? []) socket.send(text);
    const reply = `{"seq":${seq}}`;
    response.writeHead(202, { "content-type": "application/json", "content-length": reply.length }).end(reply);
  });
});

new WebSocketServer({ server }).on("connection", (socket, request) => {
  const user = new URL(request.url ?? "", "http://localhost").searchParams.get("user") ?? "";
  const own = sockets.get(user) ?? new Set();
  sockets.set(user, own.add(socket));
  socket.on("close", () => own.delete(socket));
  socket.on("message", (text) => {
    const { type, seq } = JSON.parse(String(text));
    if (type === "ack") remove.run(user, seq);
  });
  socket.send('{"type":"connection_established"}');
  const waiting = held.all(user) as { seq: number; body: string }[];
  for (let at = 0; at < waiting.length; at += 256) {
    socket.send(frame(waiting.slice(at, at + 256).map(({ seq, body }) => entry(seq, body))));
  }
});

server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
