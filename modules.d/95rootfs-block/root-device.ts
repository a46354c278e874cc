/** The device that root= names, if it names one by itself; dracut's `block:` in front is allowed. */
export function rootDevice(spec: string): string | undefined {
  const device = spec.replace(/^block:/, "");
  return /^(UUID|LABEL|PARTUUID|PARTLABEL)=.|^\/dev\/(?!nfs$)./.test(device) ? device : undefined;
}
