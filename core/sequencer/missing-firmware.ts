import { missingFirmwarePath } from "../abi/index.js";
import { readIfThere } from "./files.js";

/** How many names are shown of a driver that has one for each model. */
const shown = 3;

/** For the report: what these drivers may lack. Which of its files a driver really asks for, the kernel's own messages say. */
export function missingFirmware(drivers: readonly string[]): string[] {
  return listed().flatMap((line) => {
    const [driver = "", ...names] = line.split(" ");
    if (!drivers.includes(driver)) return [];
    const some = names.slice(0, shown).join(", ") + (names.length > shown ? ` and ${names.length - shown} more` : "");
    return [`${driver} may lack its firmware, which was not installed where the image was built: ${some}`];
  });
}

/** A report comes out, whatever can be read of this. */
function listed(): string[] {
  try {
    return (readIfThere(missingFirmwarePath) ?? "").split("\n");
  } catch {
    return [];
  }
}
