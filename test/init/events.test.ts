import { testFamily } from "../support/init-suite.js";

testFamily("events", { arguments: ["first", "--second=2"] });
