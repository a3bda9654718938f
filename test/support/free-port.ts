import { createServer } from "node:net";

/** The port where it is free, else any free one. */
export const freePort = (wanted = 0): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer();
    server.once("error", (error) => {
      if (wanted === 0) failed(error);
      else freePort().then(done, failed);
    });
    server.listen(wanted, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : wanted));
    });
  });
