/**
 * Tabs of one browser are one device, and its cursor is the lowest checkpoint of its *open* connections (C5). So a tab that
 * lost its connection leaves word of where it is: the others hold their checkpoints back to there, and what it needs is
 * still there when it returns. Where there is no storage there are no tabs.
 */

const PREFIX = "restante.away.";
/** Whoever is away for longer finds what is left, and a gap for the rest: a tab that crashed holds nobody back for ever. */
const AWAY_MS = 300_000;

export class Away {
  readonly #key = PREFIX + Math.random();
  #group = "";
  /** Somebody who is away was behind at the last ack. */
  heldBack = false;

  /** Of the tabs that share a server, a user and a device. */
  join(group: string): void {
    this.#group = group;
    this.end();
  }

  /** This tab has what is at or below `seq`, and is not connected. */
  begin(seq: number): void {
    try {
      localStorage.setItem(this.#key, JSON.stringify([this.#group, seq, Date.now()]));
    } catch {}
  }

  end(): void {
    try {
      localStorage.removeItem(this.#key);
    } catch {}
  }

  /** `seq`, or where the furthest behind is of those who are away. */
  lowest(seq: number): number {
    let lowest = seq;
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(PREFIX)) continue;
        const [group, at, since] = JSON.parse(localStorage.getItem(key) ?? "[]");
        if (!(Date.now() - since < AWAY_MS)) localStorage.removeItem(key);
        else if (group === this.#group) lowest = Math.min(lowest, at);
      }
    } catch {}
    this.heldBack = lowest < seq;
    return lowest;
  }
}
