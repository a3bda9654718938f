/** N3: one step of a message's trail, as it reads on the wire. `at` is RFC 3339. Clients ignore events that they do not know. */
export type TrailStep =
  | { readonly at: string; readonly event: "accepted" }
  /** Accepted as what was made of the dead letter `from` (D7). */
  | { readonly at: string; readonly event: "requeued"; readonly from: number }
  | { readonly at: string; readonly event: "sent" | "acked"; readonly connection_id: string; readonly device: string }
  /** The client's own words stand beside the last rejection, as long as it counts (C6). */
  | {
      readonly at: string;
      readonly event: "rejected";
      readonly connection_id?: string;
      readonly device?: string;
      readonly reason?: string;
    }
  /** A connection that had been sent it ended, and had said nothing of it. */
  | {
      readonly at: string;
      readonly event: "closed";
      readonly connection_id: string;
      readonly device: string;
      readonly code: number;
    }
  /** It went to the webhook (N1). */
  | { readonly at: string; readonly event: "fallback" }
  | { readonly at: string; readonly event: "expired" | "undeliverable" };

export type TrailEvent = TrailStep["event"];
