/** The jobs that there are: read again while one runs, so that a page that was reloaded goes on showing how far it is. */
import type { JobReply } from "../../../protocol/replies.ts";
import { type Loaded, useLoaded } from "../parts/loading.ts";

const RUNNING_MS = 1_000;
/** Another operator may begin one. */
const RESTING_MS = 10_000;

export const useJobs = (): Loaded<readonly JobReply[]> => {
  const { value, ...rest } = useLoaded<{ readonly jobs: readonly JobReply[] }>("/v1/jobs", (now) =>
    now?.jobs.some(({ status }) => status === "running") ? RUNNING_MS : RESTING_MS,
  );
  return { value: value?.jobs, ...rest };
};
