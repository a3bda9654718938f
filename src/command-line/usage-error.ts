/** What was typed cannot be meant: nothing was asked of the service. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
