/** Enough of a connection's id to tell it from the user's others: what stands before the point is the same for all of them. */
export const ConnectionId = ({ id = "" }: { readonly id?: string | undefined }) => (
  <code title={id}>{id.slice(id.indexOf(".") + 1).slice(0, 8)}</code>
);
