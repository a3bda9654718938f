/** `npm run proof -- slow-readers [messages] [tabs]`: 10,000 messages of 4 kB to sockets that stop reading. */
import { slowReader } from "./slow-reader.ts";

const messages = Number(process.argv[2] ?? 10_000);
const tabs = Number(process.argv[3] ?? 4);
console.log(`slow reader: ${messages} messages of 4 kB to ${tabs} sockets that do not read`);
const report = await slowReader({ messages, bytes: 4_000, tabs });
console.log(JSON.stringify(report, null, 2));
const mib = (bytes: number) => (bytes / 1_048_576).toFixed(1);
console.log(
  `memory grew by ${mib(report.slowGrowthBytes)} MiB, without readers by ${mib(report.controlGrowthBytes)} MiB; ` +
    `without a window it would have been ${mib(messages * 4_000 * tabs)} MiB more`,
);
process.exitCode = report.violations.length === 0 ? 0 : 1;
