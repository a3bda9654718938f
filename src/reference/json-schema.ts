/** Schemas as JSON Schema, for OpenAPI and AsyncAPI. */
import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";

export type JsonSchema = Readonly<Record<string, unknown>>;
type Schemas = Readonly<Record<string, v.GenericSchema>>;

const config: ConversionConfig = {
  // 2020-12 is OpenAPI 3.1's. Nothing is used here that draft 7, AsyncAPI's, says otherwise.
  target: "draft-2020-12",
  // A parameter is text that becomes a number: a number is what it is described as.
  typeMode: "output",
  // What a check does is said by the metadata beside it; JSON has no number that is not finite; and a limit is granted, not refused.
  ignoreActions: ["check", "finite", "transform"],
  overrideSchema: ({ valibotSchema, jsonSchema, errors }) => {
    if (errors !== undefined) return undefined;
    const { message } = valibotSchema as { readonly message?: unknown };
    const { default: fallback, required } = jsonSchema;
    return {
      ...jsonSchema,
      // The rule that a fault would quote.
      ...(typeof message === "string" ? { description: message } : {}),
      ...(typeof fallback === "string" && jsonSchema.type === "integer" ? { default: Number(fallback) } : {}),
      ...(required?.length === 0 ? { required: undefined } : {}),
    };
  },
};

/** One schema by itself. */
export const jsonSchemaOf = (schema: v.GenericSchema): JsonSchema => {
  const { $schema: _, ...rest } = toJsonSchema(schema, config) as JsonSchema;
  return rest;
};

/** Schemas by name, in which each refers to the others where they are part of it. */
export const jsonSchemasOf = (schemas: Schemas): Readonly<Record<string, JsonSchema>> =>
  toJsonSchemaDefs(schemas as Record<string, v.GenericSchema>, {
    ...config,
    overrideRef: ({ referenceId }) => refTo(referenceId),
  }) as Readonly<Record<string, JsonSchema>>;

export const refTo = (name: string): string => `#/components/schemas/${name}`;
