/** Lists that the server gives page by page (S10, D7), as one. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** The `after` of the next page; absent on the last. */
  readonly next?: number;
}

/** Fetches a page when its first item is asked for. */
export async function* paged<Item>(
  fetch: (after: number) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Page<Item> = await fetch(after);
    yield* page.items;
    after = page.next;
  }
}
