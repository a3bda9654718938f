/** Whether an address is one that anybody on the internet has, or one inside somebody's network (SSRF). */

/** Networks that are no public ones: the special-purpose registries of IANA (RFC 6890), multicast and what is reserved. */
const PRIVATE_V4: readonly (readonly [network: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const PRIVATE_NAME = /(?:^|\.)(?:localhost|local|internal|intranet|home|lan|corp|home\.arpa|test|invalid)$/;

/**
 * Of a URL that was parsed: the parser has turned every other spelling of an IPv4 address (decimal, octal, hexadecimal, short)
 * into four decimals. A name can still resolve to anything: where the platform lets a Worker reach private networks by name,
 * that is the platform's to bound.
 */
export const isPublicHost = ({ hostname }: URL): boolean => {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host.startsWith("[")) return isPublicV6(host.slice(1, -1));
  if (V4.test(host)) return isPublicV4(numberOf(host));
  return host.includes(".") && !PRIVATE_NAME.test(host);
};

const numberOf = (dotted: string): number => {
  const [, ...parts] = V4.exec(dotted) ?? [];
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
};

const isPublicV4 = (address: number): boolean =>
  PRIVATE_V4.every(([network, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) !== Math.floor(numberOf(network) / size);
  });

/** Only what is assigned for global use is public (2000::/3), but for what has an IPv4 address inside, or is of documents. */
const isPublicV6 = (host: string): boolean => {
  const groups = groupsOf(host);
  const [a = 0, b = 0, c = 0] = groups;
  const lowV4 = (groups[6] ?? 0) * 0x10000 + (groups[7] ?? 0);
  // NAT64 (RFC 6052): it stands for the address at its end.
  if (a === 0x64 && b === 0xff9b && groups.slice(2, 6).every((group) => group === 0)) return isPublicV4(lowV4);
  if (a >> 13 !== 1) return false;
  // 6to4, Teredo and other protocol assignments, documentation.
  if (a === 0x2002) return isPublicV4(b * 0x10000 + c);
  return !(a === 0x2001 && (b < 0x200 || b === 0xdb8)) && !(a === 0x3fff && b < 0x1000);
};

/** The eight groups of an address as the URL parser writes it: in hexadecimal, with at most one `::`. */
const groupsOf = (host: string): readonly number[] => {
  const [head = "", tail] = host.split("::");
  const numbers = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [before, after] = [numbers(head), numbers(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => 0), ...after];
};
