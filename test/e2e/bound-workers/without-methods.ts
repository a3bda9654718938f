/** A deployment whose entry point has none of the methods: one of a release before them, or another service's. */
import { WorkerEntrypoint } from "cloudflare:workers";

export { default, Mailbox, Monitor } from "../../../src/index.ts";
export class Sender extends WorkerEntrypoint {}
