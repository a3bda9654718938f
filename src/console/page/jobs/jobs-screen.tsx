/** What is being done to the dead letters of all users, and what was. */
import { Empty, Reading } from "../parts/empty.tsx";
import { linkToFront } from "../route.ts";
import { JobList } from "./job-list.tsx";
import { useJobs } from "./jobs.ts";

export const JobsScreen = () => {
  const jobs = useJobs();
  const { value, reload } = jobs;
  return (
    <>
      <h1>Jobs</h1>
      <p class="soft lead">Requeues and deletions over all users. They are known for 7 days.</p>
      <Reading of={jobs} what="jobs" />
      {value?.length === 0 ? (
        <Empty title="No jobs yet.">
          Begin one on the <a href={linkToFront}>overview</a>, under “All users at once”.
        </Empty>
      ) : null}
      {value === undefined || value.length === 0 ? null : <JobList jobs={value} onChange={reload} />}
    </>
  );
};
