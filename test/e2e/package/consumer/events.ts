/** What the backend sends and the page receives: one type for both. */
export type Events = {
  agent_started: { run: string };
  agent_completed: { answer: string; tokens: number };
};
