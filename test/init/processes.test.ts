import { testFamily } from "../support/init-suite.js";

testFamily("processes");
