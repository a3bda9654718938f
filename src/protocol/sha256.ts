/** SHA-256 of a text's UTF-8, as lower-case hex. */
const encoder = new TextEncoder();

export const sha256 = async (text: string): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
