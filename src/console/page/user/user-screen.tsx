/** One user, whole. */
import type { UserTab } from "../route.ts";

export const UserScreen = ({ user }: { readonly user: string; readonly tab: UserTab }) => <h1>{user}</h1>;
