/** The demo's page: asks the agent, connects late, and shows what came beside what would have come. */
import { connect, type Inbox, type Message } from "../../client/client.ts";
import type { DemoEvents, RunRecord } from "../events.ts";
import { QUESTION } from "../script.ts";
import { AgentBackend } from "./agent-backend.ts";
import { Announcer } from "./announcer.ts";
import { DemoSocket } from "./demo-socket.ts";
import { demoUser } from "./demo-user.ts";
import { byId } from "./element.ts";
import { FrameLog } from "./frame-log.ts";
import { ServerLog } from "./server-log.ts";
import { type PageState, StatusLine } from "./status-line.ts";
import { Story } from "./story.ts";
import { Tally } from "./tally.ts";
import { Timeline } from "./timeline.ts";
import { ordinaryTelling, restanteTelling, Transcript } from "./transcript.ts";
import { Troubles } from "./troubles.ts";

/** Events that the agent has sent before the page begins to connect, however quick it is. */
const SENT_BEFORE = 2;
/** How often what runs by the clock is drawn anew. */
const TICK_MS = 100;

const user = demoUser();
const backend = new AgentBackend(user);
const story = new Story();
const announcer = new Announcer();
const frames = new FrameLog();
const ordinary = new Transcript(byId("ordinary", HTMLElement), ordinaryTelling);
const restante = new Transcript(byId("restante", HTMLElement), restanteTelling);
const stage = byId("stage", HTMLElement);
const log = new ServerLog(user);
const tally = new Tally();
const timeline = new Timeline();
const statusLine = new StatusLine();
const troubles = new Troubles(
  (text) => announcer.say(text),
  () => lookForTrouble(),
);

let inbox: Inbox<DemoEvents> | undefined;
let state: PageState = { state: "idle" };
/** Events that came as they were sent, since the page caught up. */
let live = 0;
let isDrawn = true;
let isSummedUp = false;

const draw = (): void => {
  isDrawn = true;
  const shown = story.ordinary();
  ordinary.draw(shown);
  restante.draw(story.arrived());
  log.draw(shown);
  tally.draw(story.counts(), frames.carried(story.run));
  timeline.draw(story);
  statusLine.draw(state);
  stage.dataset.state = story.run === 0 ? "idle" : isRunning() ? "running" : "over";
};

/** Much comes in one turn, as after a reload: it is drawn together. */
const drawSoon = (): void => {
  if (isDrawn) setTimeout(draw);
  isDrawn = false;
};

const isRunning = (): boolean => story.record !== undefined && !story.record.isOver;

setInterval(() => {
  if (isRunning() || state.state === "starting" || state.state === "waiting") drawSoon();
}, TICK_MS);

const lookForTrouble = (): void => {
  if (isRunning()) troubles.look(story.pieces, live);
};

const begin = (run: number): void => {
  story.begin(run);
  isSummedUp = false;
  announcer.clear();
  troubles.begin();
  backend.watch(note, () => {
    const sent = story.record?.sent ?? [];
    note({ run, sent, isOver: true, failure: "its server was restarted." });
  });
};

const note = (record: RunRecord): void => {
  story.note(record);
  if (record.failure !== undefined) troubles.tell(`The agent has failed: ${record.failure}`);
  sumUp();
  drawSoon();
};

const receive = (message: Message<DemoEvents>): void => {
  const { run } = message.data;
  // Of another tab's making, or this page was loaded in mid-answer.
  if (run > story.run) begin(run);
  // The rest of a run that was given up for this one.
  if (run < story.run) return;
  story.receive(message);
  if (state.state === "open") live += 1;
  announcer.tell(message);
  // Until here each event was acked as shown; now the answer is whole, and no reload needs it again (C5).
  if (message.type === "agent_completed") inbox?.checkpoint(message.seq);
  sumUp();
  lookForTrouble();
  drawSoon();
};

const sumUp = (): void => {
  const { sent, arrived, ordinary, isComplete } = story.counts();
  if (isSummedUp || !isComplete || story.record?.isOver !== true) return;
  isSummedUp = true;
  announcer.say(`Complete: ${arrived} of ${sent} events arrived. An ordinary stack would have brought ${ordinary}.`);
};

const attach = (): void => {
  inbox = connect<DemoEvents>({
    url: "/",
    token: () => backend.token(),
    checkpoints: "manual",
    WebSocket: DemoSocket,
    onMessage: receive,
    onStatus: (status) => {
      state = status;
      live = 0;
      if (status.state === "catching_up") story.attached(status.connectionId);
      else if (status.state !== "open") story.detached();
      drawSoon();
    },
    onError: (error) => troubles.tell(error.message),
  });
};

/** On a small screen the answer begins below what can be seen. */
const showStage = (): void => {
  if (stage.getBoundingClientRect().top < innerHeight / 2) return;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  stage.scrollIntoView({ behavior: isCalm ? "auto" : "smooth" });
};

let replays = 0;

const replay = async (): Promise<void> => {
  replays += 1;
  const replayed = replays;
  inbox?.close();
  const connectsAt = Date.now() + troubles.startMs;
  state = { state: "starting", until: connectsAt };
  drawSoon();
  const run = await backend.start();
  // Pressed once more meanwhile.
  if (replayed !== replays) return;
  begin(run);
  draw();
  showStage();
  while (Date.now() < connectsAt || (story.record?.sent.length ?? 0) < SENT_BEFORE) {
    await new Promise((resolve) => setTimeout(resolve, TICK_MS / 2));
    if (replayed !== replays) return;
    if (story.record?.isOver) break;
  }
  attach();
};

byId("question", HTMLElement).textContent = QUESTION;
byId("controls", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  replay().catch((error: unknown) => {
    state = { state: "idle" };
    troubles.tell(String(error));
    drawSoon();
  });
});

// A page that was reloaded, or a second tab: whatever of the answer is not complete comes again, from its beginning.
const attachOnce = (): void => {
  if (inbox === undefined && replays === 0) attach();
};
backend.watch(attachOnce, () => {});
draw();
