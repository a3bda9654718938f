/** The frames of `restante.v1` as a client receives them (contract C1–C4, C11). */

export interface ReceivedMessage {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: data is the sender's, any JSON
  readonly data?: any;
  readonly timestamp: string;
  readonly traceparent?: string;
}

export interface EstablishedFrame {
  readonly type: "connection_established";
  readonly connection_id: string;
  readonly user: string;
  readonly device: string;
  readonly timestamp: string;
  readonly resumed: boolean;
  readonly cursor: number;
  readonly pending: number;
  readonly window: number;
  readonly heartbeat_ms: number;
  readonly expires_at: string;
  readonly protocol: string;
}

export interface MessagesFrame {
  readonly type: "messages";
  readonly prev: number;
  readonly messages: readonly ReceivedMessage[];
}

export interface GapFrame {
  readonly type: "gap";
  readonly prev: number;
  readonly seq: number;
  readonly count: number;
  readonly reasons: { readonly expired: number; readonly overtaken: number; readonly undeliverable?: number };
}

interface CaughtUpFrame {
  readonly type: "caught_up";
  readonly seq: number;
}

interface PongFrame {
  readonly type: "pong";
}

export interface ErrorFrame {
  readonly type: "error";
  readonly code: string;
  readonly detail: string;
}

export type Frame = EstablishedFrame | MessagesFrame | GapFrame | CaughtUpFrame | PongFrame | ErrorFrame;
export type FrameType = Frame["type"];
export type FrameOf<T extends FrameType> = Extract<Frame, { readonly type: T }>;

/** One frame of an operator's stream, as it came (N6). */
export interface LiveFrame {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: the shape of a frame is for its test to assert
  readonly [field: string]: any;
}
