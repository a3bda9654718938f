/** Is everybody getting their messages? And who is not? */
import { Dashboard } from "../dashboard/dashboard.tsx";

export const FrontScreen = () => (
  <>
    <h1>Is everybody getting their messages?</h1>
    <Dashboard />
  </>
);
