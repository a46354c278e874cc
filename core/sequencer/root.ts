import { BootError, type Parameters, type Root } from "../../hooks/index.js";
import type { Word } from "./parameters.js";
import type { BootPlan } from "./plan.js";

export interface RootClaims {
  readonly mountPoint: string;
  /** The root as this module sees it. */
  of(module: string): Root;
  /** After the phase cmdline: throws a BootError unless exactly one module has claimed it. */
  check(): void;
}

/** Where the new root is until the switch: systemd's and dracut's name for it. */
const mountPoint = "/sysroot";

/** Who mounts what `root=` names. */
export function createRoot(words: readonly Word[], parameters: Parameters, roots: BootPlan["roots"]): RootClaims {
  const claims = new Set<string>();
  const spec = parameters.text("root");
  const access = words.map(({ name }) => name).findLast((name) => name === "ro" || name === "rw");
  return {
    mountPoint,
    of: (module) => ({
      spec: spec ?? "",
      mountPoint,
      access,
      claim: () => void claims.add(module),
      get claimed() {
        return claims.has(module);
      },
    }),
    check() {
      if (claims.size === 1) return;
      if (!spec)
        throw new BootError(
          "there is no root= on the kernel command line: nobody knows which file system to boot",
          `Add it in the boot loader. This image accepts ${acceptedForms(roots)}.`,
        );
      if (claims.size > 1)
        throw new BootError(
          `root=${spec} is claimed by more than one module: ${[...claims].join(", ")}`,
          "Build the image without one of them (mkinitrd -o).",
        );
      const missing = lackingModule(spec, roots);
      throw new BootError(
        `no module of this image can mount root=${spec}`,
        missing === undefined
          ? `This image accepts ${acceptedForms(roots)}.`
          : `It is a form of the module ${missing}: rebuild the image with mkinitrd -a ${missing}.`,
      );
    },
  };
}

/** "root=UUID=…, root=/dev/…" */
export function acceptedForms(roots: BootPlan["roots"]): string {
  const forms = roots.filter(({ included }) => included).map(({ form }) => `root=${form}`);
  return forms.join(", ");
}

/** The module that would mount this root if it were in the image. */
export function lackingModule(spec: string, roots: BootPlan["roots"]): string | undefined {
  return roots.find(({ matches, included }) => !included && new RegExp(matches).test(spec))?.module;
}
