/** The jobs that there are: read again while one runs, so that a page that was reloaded goes on showing how far it is. */
import type { JobReply } from "../../../protocol/replies.ts";
import type { Failure } from "../api.ts";
import { useLoaded } from "../parts/loading.ts";

const RUNNING_MS = 1_000;
/** Another operator may begin one. */
const RESTING_MS = 10_000;

interface Jobs {
  readonly value: readonly JobReply[] | undefined;
  readonly failure: Failure | undefined;
  readonly reload: () => void;
}

export const useJobs = (): Jobs => {
  const { value, failure, reload } = useLoaded<{ readonly jobs: readonly JobReply[] }>("/v1/jobs", (now) =>
    now?.jobs.some(({ status }) => status === "running") ? RUNNING_MS : RESTING_MS,
  );
  return { value: value?.jobs, failure, reload };
};
