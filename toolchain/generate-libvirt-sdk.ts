/**
 * `tsx toolchain/generate-libvirt-sdk.ts [--check]`: writes `sdks/libvirt`, the package `@pulumi/libvirt`, compiled and
 * with declarations, so that installing it needs no script. `--check` fails when what is committed is another.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, runMain } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { run } from "../lib/run.ts";
import { sdkGeneratorComponent } from "./components/sdk-generator.ts";
import { ensureToolchain } from "./index.ts";
import { versions } from "./pins.ts";
import { ensureMade } from "./store.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const committed = join(root, "sdks/libvirt");
const again = "npx tsx toolchain/generate-libvirt-sdk.ts";

/**
 * What the generator of engine 3.255 writes for `getPackage`, and what replaces it: SDKs before 3.238 have no
 * `runtime.registerPackage`. The reference belongs to one monitor, so it is kept per monitor: a process that runs several
 * inline programs has several. Drop this once `@pulumi/pulumi` is 3.238 or later.
 */
const registerPackage = /export async function getPackage\(\)[\s\S]*?registerPackage\((\{[\s\S]*?\})\);\n\}\n/;
const ownRegisterPackage = `
const packageReferences = new WeakMap<object, Promise<string | undefined>>();

export function getPackage(): Promise<string | undefined> {
    const monitor: any = runtime.getMonitor();
    const known = packageReferences.get(monitor);
    if (known) return known;
    const registered = new Promise<string | undefined>((resolve, reject) => {
        const parameterization = new resproto.Parameterization();
        parameterization.setName(description.packageName);
        parameterization.setVersion(description.packageVersion);
        parameterization.setValue(description.base64Parameter);
        const request = new resproto.RegisterPackageRequest();
        request.setName(description.baseProviderName);
        request.setVersion(description.baseProviderVersion);
        request.setDownloadUrl(description.baseProviderDownloadUrl);
        request.setParameterization(parameterization);
        monitor.registerPackage(request, (error: any, response: any) => error ? reject(error) : resolve(response.getRef()));
    });
    packageReferences.set(monitor, registered);
    return registered;
}
`;

await runMain(async () => {
  const check = process.argv.includes("--check");
  const generator = await ensureMade(sdkGeneratorComponent);
  const { env, binary } = await ensureToolchain(["pulumi", "libvirt"]);
  const work = mkdtempSync(join(tmpdir(), "holdfast-sdk-"));
  try {
    await step("generate @pulumi/libvirt", async () => {
      await generate(work, join(generator.directory, "gen-sdk"), binary("pulumi"), env);
      await compile(work);
    });
    const fresh = join(work, "package");
    if (check) return compare(fresh);
    replace(fresh);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});

/** Writes the TypeScript of the SDK to `source/`. */
async function generate(work: string, generator: string, pulumi: string, env: Record<string, string>): Promise<void> {
  const source = join(work, "source");
  const { terraformProvider, libvirt } = versions;
  const schemaArguments = [
    "package",
    "get-schema",
    `terraform-provider@${terraformProvider}`,
    "dmacvicar/libvirt",
    libvirt,
  ];
  writeFileSync(join(work, "schema.json"), await run(pulumi, schemaArguments, { env, cwd: work }));
  await run(generator, [join(work, "schema.json"), source]);
  const path = join(source, "utilities.ts");
  const text = readFileSync(path, "utf8");
  const description = registerPackage.exec(text)?.[1];
  if (!description)
    throw new Failure(`the generated ${path} has no getPackage to adapt`, "look at what the generator writes now");
  writeFileSync(
    path,
    text
      .replace(registerPackage, () => `const description = ${description};\n${ownRegisterPackage}`)
      .replace(
        "import * as runtime from",
        'import * as resproto from "@pulumi/pulumi/proto/resource_pb";\nimport * as runtime from',
      ),
  );
}

/** Compiles `source/` to `package/`, against the `@pulumi/pulumi` of this checkout. */
async function compile(work: string): Promise<void> {
  const [source, out] = [join(work, "source"), join(work, "package")];
  const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  writeFileSync(join(source, "tsconfig.json"), JSON.stringify(compilerSettings(out), undefined, 2));
  cpSync(join(source, "README.md"), join(out, "README.md"));
  writeFileSync(join(out, "package.json"), `${JSON.stringify(ourManifest(manifest), undefined, 2)}\n`);
  await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", source]);
}

function compilerSettings(outDir: string): object {
  return {
    compilerOptions: {
      outDir,
      declaration: true,
      stripInternal: true,
      target: "ES2022",
      module: "CommonJS",
      moduleResolution: "Node10",
      typeRoots: [join(root, "node_modules/@types")],
      types: ["node"],
      paths: {
        "@pulumi/pulumi": [join(root, "node_modules/@pulumi/pulumi")],
        "@pulumi/pulumi/*": [join(root, "node_modules/@pulumi/pulumi/*")],
      },
      strict: true,
      skipLibCheck: true,
    },
    include: ["**/*.ts"],
  };
}

/** The generated manifest without its install script, and with the SDK version that this checkout uses. */
function ourManifest(generated: { [key: string]: unknown }): object {
  const { name, version, description, repository, pulumi } = generated;
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const dependencies = { "@pulumi/pulumi": own.dependencies["@pulumi/pulumi"] };
  return {
    name,
    version,
    private: true,
    description,
    repository,
    main: "index.js",
    types: "index.d.ts",
    dependencies,
    pulumi,
  };
}

function listFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith("node_modules"))
    .sort();
}

function compare(fresh: string): void {
  const names = [...new Set([...listFiles(fresh), ...listFiles(committed)])];
  const text = (directory: string, name: string) => {
    const path = join(directory, name);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  };
  const stale = names.filter((name) => text(fresh, name) !== text(committed, name));
  if (stale.length > 0) throw new Failure(`sdks/libvirt is not what would be generated: ${stale.join(", ")}`, again);
}

function replace(fresh: string): void {
  const incoming = `${committed}.new`;
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(dirname(incoming), { recursive: true });
  cpSync(fresh, incoming, { recursive: true });
  rmSync(committed, { recursive: true, force: true });
  renameSync(incoming, committed);
}
