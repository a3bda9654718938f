/** The demo's user is this browser: kept, so that a reload and another tab are the same person. */
import { DEMO_USER } from "../events.ts";

const KEY = "restante.demo.user";

export const demoUser = (): string => {
  const known = localStorage.getItem(KEY);
  if (known !== null && DEMO_USER.test(known)) return known;
  const user = `demo_${crypto.randomUUID()}`;
  localStorage.setItem(KEY, user);
  return user;
};
