/** What is being done to the dead letters of all users, and what was. */
export const JobsScreen = () => <h1>Jobs</h1>;
