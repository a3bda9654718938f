import { Connection } from "./connection.ts";
import { mintLocally } from "./credentials.ts";

/** As a broken front end: connects, rejects all that comes until it has `count`, and leaves. */
export const rejectAll = async (url: string, user: string, count: number, reason = "TypeError: x is undefined") => {
  const client = await Connection.open(url, { token: await mintLocally(user) });
  const messages = await client.receive(count);
  for (const { seq } of messages) client.send({ type: "reject", seq, reason });
  await client.close();
};
