/** FNV-1a, 32 bits: finds a sender's id among many by a number. What it finds is compared: two ids may share one. */
export const idHash = (id: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash >>> 0;
};
