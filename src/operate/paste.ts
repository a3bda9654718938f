/** The lines that `npm start` prints: pasted word for word into a fresh shell in the project's folder, they do what they say. */
export const linesToPaste = (origin: string): string => {
  const user = "startup_test_032e17dc-25d9-430e-8a74-7b87b2a70064";
  const socket = origin.replace(/^http/, "ws");
  return `
Restante answers on ${origin}. Ctrl-C ends it; what is held stays on disk.
In another terminal, in this folder:

# the key of your local backend
export RESTANTE_API_KEY=$(grep ^RESTANTE_API_KEY= .dev.vars | cut -d= -f2-)

# send to a user who never connected: it waits
curl -sS ${origin}/v1/users/${user}/messages \\
  -H "Authorization: Bearer $RESTANTE_API_KEY" -H "Content-Type: application/json" \\
  -d '{"type":"startup_test"}'

# mint a token for that user
export TOKEN=$(curl -sS -X POST ${origin}/v1/users/${user}/tokens \\
  -H "Authorization: Bearer $RESTANTE_API_KEY" | sed -n 's/.*"token":"\\([^"]*\\)".*/\\1/p')

# attach: first the confirmation, then the message
npx wscat -c "${socket}/v1/socket?access_token=$TOKEN"
`;
};
