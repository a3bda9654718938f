/** Remembers the results of a pure function, for the few arguments that come again and again. Values, never promises: those belong to one request. */
export const remembered = <T>(most: number, compute: (argument: string) => T): ((argument: string) => T) => {
  const known = new Map<string, T>();
  return (argument) => {
    const before = known.get(argument);
    if (before !== undefined) return before;
    // Forgetting all of them at once is enough: whoever is asked for often is back at once.
    if (known.size >= most) known.clear();
    const result = compute(argument);
    known.set(argument, result);
    return result;
  };
};
