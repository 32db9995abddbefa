/**
 * What is needed of a schema by Standard Schema 1 (https://standardschema.dev): those of Zod, Valibot, ArkType and others
 * have this shape. Declared here so that this package's types need no other.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type Types<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>;
export type SchemaInput<S extends StandardSchema> = Types<S>["input"];
export type SchemaOutput<S extends StandardSchema> = Types<S>["output"];

/** True for what has the shape of a Standard Schema 1; some are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
  const standard = (value as Partial<StandardSchema>)["~standard"];
  return standard?.version === 1 && typeof standard.validate === "function";
}

/** More tells nothing that the first do not. */
const ISSUES_SHOWN = 8;
const KEYS_SHOWN = 16;
const NAME = /^[A-Za-z_$][\w$-]{0,63}$/;

/**
 * Where the issues are, and nothing of what stands there: messages of issues hold values in some libraries, and a member
 * name that is none of a program's, as in a map by e-mail address, is data too.
 */
export function issuePaths(issues: readonly SchemaIssue[]): string {
  const paths = new Set(issues.slice(0, ISSUES_SHOWN).map(({ path }) => (path === undefined ? "" : pathOf(path))));
  const shown = [...paths].map((path) => `data${path}`).join(", ");
  return issues.length > ISSUES_SHOWN ? `${shown} and more` : shown;
}

function pathOf(path: NonNullable<SchemaIssue["path"]>): string {
  const keys = path.slice(0, KEYS_SHOWN).map((segment) => {
    const key = typeof segment === "object" ? segment.key : segment;
    if (typeof key === "number") return `[${key}]`;
    return typeof key === "string" && NAME.test(key) ? `.${key}` : "[…]";
  });
  return keys.join("") + (path.length > KEYS_SHOWN ? "…" : "");
}
