import { moduleSetup } from "firstlight/hooks";

/**
 * What the module example puts into the image. This runs on the machine that builds the image, in QuickJS: it sees that machine through `host`
 * and nothing else.
 */
export default moduleSetup({
  // For those who ask: mkinitrd -a example. "include" would put it into every image.
  check: () => "on-request",

  // Modules that it cannot work without; they come into the image along with it.
  depends: () => ["base"],

  // Kernel parameters that its hooks read. A value that does not fit ends the boot before it starts, with this form.
  parameters: {
    "rd.example": { schema: { type: "string", pattern: "^\\w+$" }, form: "WORD" },
  },

  install(image) {
    // A program would be image.program("NAME"): its libraries come along, and if it is missing, no image is built.
    image.text("/etc/example.conf", "hello\n");
  },
});
