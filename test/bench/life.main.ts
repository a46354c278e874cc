/** npm run bench:life: the part of npm run bench that needs neither another generator nor a virtual machine. */
import { measureLife } from "./life.js";
import { formatAims, formatTable } from "./table.js";

const { tables, aims } = await measureLife();
for (const table of tables) console.log(formatTable(table));
console.log(formatAims(aims));
