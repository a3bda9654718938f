/** Is everybody getting their messages? And who is not? */
import { Dashboard } from "../dashboard/dashboard.tsx";
import { Attention } from "./attention.tsx";
import { ManyUsers } from "./many-users.tsx";

export const FrontScreen = () => (
  <>
    <Dashboard />
    <Attention />
    <ManyUsers />
  </>
);
