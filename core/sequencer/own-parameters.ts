import { wordsOfFile } from "./command-line.js";
import { judgeParameters, type Remark } from "./parameters.js";
import type { BootPlan } from "./plan.js";
import { acceptedForms, isOfForm, lackingModule } from "./root.js";

/** What the generator tells of parameters that are wrong in every boot of an image. */
export interface OwnParametersVerdict {
  wrong: Remark[];
  unknown: Remark[];
}

/** Judges the parameters that an image itself brings, by the files' paths and contents in the order in which the boot reads them. */
export function judgeOwnParameters(
  { parameters, roots }: BootPlan,
  files: readonly { path: string; text: string }[],
): OwnParametersVerdict {
  const words = files.flatMap(({ path, text }) => wordsOfFile(path, text));
  const { wrong, unknown } = judgeParameters(words, parameters);
  const root = words.findLast(({ name }) => name === "root");
  const type = words.findLast(({ name }) => name === "rootfstype")?.value;
  if (root?.value && !roots.some((form) => form.included && isOfForm(root.value ?? "", type, form))) {
    const missing = lackingModule(root.value, type, roots);
    const hint =
      missing === undefined
        ? `accepted: ${acceptedForms(roots)}`
        : `a form of the module ${missing}: add it with -a ${missing}`;
    wrong.push({ word: `root=${root.value}`, file: root.file, hint });
  }
  return { wrong, unknown };
}
