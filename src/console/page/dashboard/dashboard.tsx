/** Whether everybody is getting their messages: over all users, and now. */
export const Dashboard = () => null;
