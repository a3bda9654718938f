/** A watched deployment whose clock, and this process's, a test moves on; and users who give it something to show. */
import { vi } from "vitest";
import type { MonitorReply } from "../../src/protocol/replies.ts";
import { eventually } from "../proofs/clock.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { ConsoleGround, WATCHED_WORKER } from "./console-ground.ts";

const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
const realNow = Date.now;

// One message of the load is rejected, which must not fire an alert.
const vars = {
  READY_STEP_MS: "300",
  ALERT_LEAST_COUNT: "1000",
  ALERT_RUNBOOK_URL: "https://ops.example.com/OPERATIONS.md",
};

export class DashboardGround {
  readonly console: ConsoleGround;
  /** How far the clocks of the runtime and of this process are ahead. */
  #aheadMs = 0;
  #users = 0;

  private constructor(console: ConsoleGround) {
    this.console = console;
  }

  static async start(): Promise<DashboardGround> {
    return new DashboardGround(await ConsoleGround.start({ entry: WATCHED_WORKER, vars }));
  }

  /** Before each test: no fault, and a schedule that has just run. */
  async prepare(): Promise<void> {
    vi.spyOn(Date, "now").mockImplementation(() => realNow() + this.#aheadMs);
    await this.console.tell("fault/none");
    await this.console.tell("schedule");
  }

  async advance(ms: number): Promise<void> {
    this.#aheadMs += ms;
    await this.console.tell(`clock/${this.#aheadMs}`);
  }

  async monitor(range = "15m"): Promise<MonitorReply> {
    return (await this.console.backend.call("GET", "/v1/monitor", undefined, { query: { range } })).body;
  }

  /** What is gathered is handed over at the first event that comes after 10 s. */
  pastReports(): Promise<void> {
    return this.advance(11 * SECOND_MS);
  }

  /** What the Worker has gathered: a scanner's request is that event. */
  async handOver(): Promise<void> {
    const refusals = async () => (await this.monitor("7d")).total.connections.refusals;
    const before = await refusals();
    await this.pastReports();
    const url = `${this.console.runtime.url}/v1/socket`;
    await (await fetch(url, { headers: { authorization: "Bearer guessed" } })).text();
    await eventually("the Worker's report", async () => (await refusals()) > before);
  }

  /** Lets a minute pass, and the schedule run. */
  async minute(): Promise<void> {
    await this.advance(MINUTE_MS - 11 * SECOND_MS);
    await this.handOver();
    await this.console.tell("schedule");
  }

  /** One whom nobody has sent to. */
  newUser(): string {
    this.#users += 1;
    return `user-${this.#users}`;
  }

  /** Users who come after a message, get it, and get another; each at another time. */
  async visit(count: number, query: Readonly<Record<string, string>> = {}): Promise<void> {
    const { backend, runtime } = this.console;
    for (let n = 0; n < count; n += 1) {
      const user = this.newUser();
      await backend.send(user, { type: "before" });
      await this.advance(120 * n);
      const connection = await Connection.open(runtime.url, { token: await mintLocally(user), ack: "each", query });
      await backend.send(user, { type: "after" });
      await connection.receive(2);
      await connection.settle();
      await connection.close();
    }
  }
}
