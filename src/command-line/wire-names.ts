/** The SDK's replies with the names that the API has, for who reads them with another program. */

/** The contrary of what the SDK does to them; an app's own `data` stays as it is. */
export const wireNames = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(wireNames);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [snakeCase(name), name === "data" ? inner : wireNames(inner)]),
  );
};

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
