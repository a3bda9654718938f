/** OPERATIONS.md as the console's build hands it over (`operate/runbook.ts`): the blocks of each section, by its anchor. */
interface RunbookElement {
  /** `section` is a link to another section: its anchor is in `href`. */
  readonly tag: "p" | "ul" | "li" | "b" | "code" | "a" | "section";
  readonly href?: string;
  readonly children: readonly RunbookNode[];
}
type RunbookNode = string | RunbookElement;

declare module "restante:operations" {
  const sections: Readonly<Record<string, readonly RunbookNode[]>>;
  export default sections;
}
