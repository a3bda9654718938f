/** Whether a promise settles while `meanwhile` runs; for replies that must still be held back. */
export const isSettled = async (promise: Promise<unknown>, meanwhile: () => Promise<unknown>): Promise<boolean> => {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  await meanwhile();
  return settled;
};
