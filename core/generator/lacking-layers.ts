import type { HostLayer } from "../../hooks/module-setup.js";

/** Modules that bring each kind of layer in a boot; undefined: none does. */
const modulesOf: Readonly<Record<HostLayer["kind"], string | undefined>> = {
  raid: "md-raid",
  lvm: "lvm",
  luks: "luks",
  multipath: "multipath",
  other: undefined,
};

function describe(layer: HostLayer): string {
  const { device, kind } = layer;
  if (kind === "raid") return `${device}, an array of mdadm`;
  if (kind === "lvm") return `${device}, the volume ${layer.group}/${layer.volume} of LVM`;
  if (kind === "luks") return `${device}, the LUKS container ${layer.uuid}`;
  return `${device}, the mapping ${layer.name} (${layer.uuid || "without a UUID"}) of the device mapper`;
}

/** What this machine's file systems and swap lie on, and the image has no module for: a sentence for each and what lies on it. */
export function lackingLayers(layers: readonly HostLayer[], isInImage: (module: string) => boolean): string[] {
  return layers.flatMap((layer) => {
    const module = modulesOf[layer.kind];
    if (module !== undefined && isInImage(module)) return [];
    const lack =
      module === undefined
        ? "which no module of firstlight brings"
        : `and the module ${module}, which brings it, is not in the image (-a ${module} adds it, or says why it cannot be there)`;
    return layer.points.map((point) => `${onTop(point)} lies on ${describe(layer)}, ${lack}: ${outcome(point)}`);
  });
}

const onTop = (point: string) =>
  point === "swap" ? point : isMountPoint(point) ? `what is mounted at ${point}` : `--add-device ${point}`;

function outcome(point: string): string {
  if (point === "swap") return "a machine that hibernates there does not wake up";
  return isMountPoint(point) ? "it cannot boot from there, only with another root=" : "the boot does not reach it";
}

const isMountPoint = (point: string) => point === "/" || point === "/usr";
