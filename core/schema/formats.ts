/** Formats that the schemas of this folder use, named as they are told of: "must match format …". */
export const formats = {
  "absolute path": (path: string) => path.startsWith("/"),
  "absolute path without ..": (path: string) => path.startsWith("/") && !path.split("/").includes(".."),
  "regular expression": (pattern: string) => {
    try {
      return Boolean(new RegExp(pattern, "u"));
    } catch {
      return false;
    }
  },
};
