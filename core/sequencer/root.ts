import { BootError, type Parameters, type Root, type SwitchWishes } from "../../hooks/index.js";
import type { Word } from "./parameters.js";
import type { BootPlan } from "./plan.js";

export interface RootClaims {
  readonly mountPoint: string;
  /** The root as this module sees it. */
  of(module: string): Root;
  /** The mount hook of the module that has claimed it has begun. */
  mounting(work: Promise<void>): void;
  /** What the module that has claimed it wishes. */
  wishes(): SwitchWishes;
  /** After the phase cmdline: throws a BootError unless exactly one module has claimed it. */
  check(): void;
}

/** Where the new root is until the switch: systemd's and dracut's name for it. */
const mountPoint = "/sysroot";

/** Who mounts what `root=` names. */
export function createRoot(words: readonly Word[], parameters: Parameters, roots: BootPlan["roots"]): RootClaims {
  const claims = new Map<string, SwitchWishes>();
  let begin = (_: Promise<void>) => {};
  const mounted = new Promise<void>((resolve) => {
    begin = resolve;
  });
  // Few boots wait for it.
  mounted.catch(() => {});
  const spec = parameters.text("root");
  const access = words.map(({ name }) => name).findLast((name) => name === "ro" || name === "rw");
  return {
    mountPoint,
    of: (module) => ({
      spec: spec ?? "",
      mountPoint,
      access,
      claim: (wishes = {}) => void claims.set(module, wishes),
      get claimed() {
        return claims.has(module);
      },
      mounted: () => mounted,
    }),
    mounting: (work) => begin(work),
    wishes: () => Object.assign({}, ...claims.values()),
    check() {
      if (claims.size === 1) return;
      if (!spec && !claims.size)
        throw new BootError(
          "there is no root= on the kernel command line: nobody knows which file system to boot",
          lackingFor(words, roots) ?? `Add it in the boot loader. This image accepts ${acceptedForms(roots)}.`,
        );
      if (claims.size > 1)
        throw new BootError(
          `${spec === undefined ? "the root" : `root=${spec}`} is claimed by more than one module: ${[...claims.keys()].join(", ")}`,
          "Build the image without one of them (mkinitrd -o).",
        );
      const missing = lackingModule(spec ?? "", parameters.text("rootfstype"), roots);
      throw new BootError(
        `no module of this image can mount root=${spec}`,
        missing === undefined
          ? `This image accepts ${acceptedForms(roots)}.`
          : `It is a form of the module ${missing}: rebuild the image with mkinitrd -a ${missing}.`,
      );
    },
  };
}

/** What to do where the root is named by a parameter of a module that the image has not got; undefined: it is not. */
function lackingFor(words: readonly Word[], roots: BootPlan["roots"]): string | undefined {
  const lacking = roots.find(
    ({ parameter, included }) => !included && parameter !== undefined && words.some(({ name }) => name === parameter),
  );
  return (
    lacking &&
    `${lacking.parameter}= is a form of the module ${lacking.module}: rebuild the image with mkinitrd -a ${lacking.module}.`
  );
}

/** "root=UUID=…, root=/dev/…" */
export function acceptedForms(roots: BootPlan["roots"]): string {
  const forms = roots
    .filter(({ included }) => included)
    .map(
      ({ form, type, parameter = "root" }) => `${parameter}=${form}${type === undefined ? "" : ` rootfstype=${type}`}`,
    );
  return forms.join(", ");
}

/** Is `root=spec`, with this `rootfstype=`, of this form? */
export const isOfForm = (spec: string, type: string | undefined, form: BootPlan["roots"][number]) =>
  form.parameter === undefined &&
  new RegExp(form.matches).test(spec) &&
  (form.type === undefined || form.type === type);

/** The module that would mount this root if it were in the image. */
export const lackingModule = (spec: string, type: string | undefined, roots: BootPlan["roots"]): string | undefined =>
  roots.find((form) => !form.included && isOfForm(spec, type, form))?.module;
