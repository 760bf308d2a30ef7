/**
 * Parts of the Pulumi SDK that are loaded when something is asked of them, and not at its start: 0.8 s of computing.
 */
import Module, { createRequire } from "node:module";

/**
 * What no program here needs, all in CommonJS: a TypeScript compiler and npm's dependency resolver, for functions that are to be
 * serialised, and the API by which a program runs other programs.
 */
const needless = ["typescript", "@npmcli/arborist", "@pulumi/pulumi/automation"];

/**
 * Lets `require` of these by the Pulumi SDK give a stand-in, which becomes the real one at the first look into it. Does nothing
 * about one that is loaded already, or that is not there.
 */
export function deferPackages() {
  const sdk = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));
  for (const name of needless) {
    const file = resolved(sdk, name);
    if (file === undefined || sdk.cache[file]) continue;
    const module = new Module(file);
    module.filename = file;
    module.loaded = true;
    module.exports = standIn(() => {
      delete sdk.cache[file];
      return sdk(file);
    });
    sdk.cache[file] = module;
  }
}

/**
 * @param {NodeJS.Require} require
 * @param {string} name
 */
function resolved(require, name) {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

/**
 * An object that looks like what `load` gives, which is called once, when it is looked into.
 * @param {() => object} load
 */
function standIn(load) {
  /** @type {object | undefined} */
  let loaded;
  const real = () => {
    loaded ??= load();
    return loaded;
  };
  return new Proxy(
    {},
    {
      // Compiled imports ask this first, and take a module of this kind as it is instead of copying all of it.
      get: (_, key) => (key === "__esModule" ? true : Reflect.get(real(), key)),
      has: (_, key) => Reflect.has(real(), key),
      ownKeys: () => Reflect.ownKeys(real()),
      getOwnPropertyDescriptor(_, key) {
        const descriptor = Reflect.getOwnPropertyDescriptor(real(), key);
        // A proxy may not say of its empty target that something in it is fixed.
        return descriptor && { ...descriptor, configurable: true };
      },
    },
  );
}
