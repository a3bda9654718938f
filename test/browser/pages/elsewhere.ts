/** A page to go to. */
export {};
