/** Bugs that somebody could make in one Mailbox, each of which the simulation has to notice. */
import { DELIVERY_BUGS } from "./bugs-of-delivery.ts";
import { KEEPING_BUGS } from "./bugs-of-keeping.ts";
import type { PlantedBug } from "./planted-bug.ts";

export const PLANTED_BUGS: readonly PlantedBug[] = [...DELIVERY_BUGS, ...KEEPING_BUGS];
