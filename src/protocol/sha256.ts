/**
 * SHA-256 of a text's UTF-8, as lower-case hex. Made here and now: the platform's own digest takes a turn of the event loop, and a
 * promise of one request that another awaits costs the runtime a way around, or hangs with the first.
 */
import { sha256 as digest } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

export const sha256 = (text: string): string => bytesToHex(digest(utf8ToBytes(text)));
