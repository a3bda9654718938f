/** Lists that the server gives page by page (S10, D7, N4), as one. */
export interface Page<Item, Cursor> {
  readonly items: readonly Item[];
  /** The `after` of the next page; absent on the last. */
  readonly next?: Cursor;
}

/** Fetches a page when its first item is asked for. */
export async function* paged<Item, Cursor>(
  fetch: (after: Cursor | undefined) => Promise<Page<Item, Cursor>>,
): AsyncGenerator<Item, void, undefined> {
  let after: Cursor | undefined;
  do {
    const page: Page<Item, Cursor> = await fetch(after);
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}
