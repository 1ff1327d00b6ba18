// Parses each AsyncAPI document named on the command line with the official parser and writes one
// JSON line for each fault: {file, path, rule, message}. Severity 0 is an error, 1 a warning.
const { Parser, fromFile } = require("@asyncapi/parser");

async function main(files) {
  for (const file of files) {
    const { document, diagnostics } = await fromFile(new Parser(), file).parse();
    for (const { severity, code, path, message } of diagnostics) {
      if (severity <= 1) {
        console.log(JSON.stringify({ file, path: path.join("."), rule: String(code), message }));
      }
    }
    if (!document && diagnostics.length === 0) {
      console.log(JSON.stringify({ file, path: "", rule: "parse", message: "no document" }));
    }
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
