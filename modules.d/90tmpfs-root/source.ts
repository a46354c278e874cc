import { BootError } from "firstlight/hooks";

/** Forms of root=tmpfs:, for error messages. */
export const forms =
  "root=tmpfs:/dev/…, tmpfs:UUID=…, tmpfs:LABEL=…, tmpfs:PARTUUID=…, tmpfs:PARTLABEL=…, tmpfs:NFS=nfs:server:/path";

/** Forms whose source another module makes reachable. */
const needed: { matches: RegExp; module: string }[] = [
  { matches: /^NFS=nfs4?:/, module: "nfs" },
  { matches: /^https?:/, module: "url-lib" },
  { matches: /^\/dev\/mapper\//, module: "lvm" },
];

/**
 * The block device that root=tmpfs:SOURCE names. Throws a BootError for a source that needs a module this image has not, or that
 * nobody knows.
 */
export function sourceDevice(spec: string, hasModule: (name: string) => boolean): string {
  const source = spec.slice("tmpfs:".length);
  const need = needed.find(({ matches }) => matches.test(source));
  if (need && !hasModule(need.module))
    throw new BootError(
      `root=${spec} needs the module ${need.module}, which is not in this image`,
      `Rebuild the image with mkinitrd -a "tmpfs-root ${need.module}", on a firstlight that has this module (mkinitrd --list-modules).`,
    );
  if (/^(UUID|LABEL|PARTUUID|PARTLABEL)=.|^\/dev\/./.test(source)) return source;
  throw new BootError(`root=${spec} is no form that tmpfs-root knows`, `Accepted forms: ${forms}.`);
}
