/** As the kernel: MAXSYMLINKS of namei.h. */
const mostLinks = 40;

/**
 * Path without links and without "..", and without a slash before it; links are followed below the image's root, that in the last part if
 * `followLast`. undefined: they go round in circles. `targetOf`: of a path that is a link.
 */
export function resolveIn(
  targetOf: (path: string) => string | undefined,
  path: string,
  followLast = true,
): string | undefined {
  const rest = path.split("/").reverse();
  let at: string[] = [];
  for (let links = 0; rest.length; ) {
    const part = rest.pop();
    if (!part || part === ".") continue;
    if (part === "..") {
      at.pop();
      continue;
    }
    const target = followLast || rest.some(Boolean) ? targetOf([...at, part].join("/")) : undefined;
    if (target === undefined) {
      at.push(part);
      continue;
    }
    if (++links > mostLinks) return undefined;
    if (target.startsWith("/")) at = [];
    rest.push(...target.split("/").reverse());
  }
  return at.join("/");
}
