// Types of the libraries, at the paths where the gateway serves them.
declare module '*/vendor/idb/index.js' {
  export * from 'idb';
}
declare module '*/vendor/msgpack/index.mjs' {
  export * from '@msgpack/msgpack';
}
declare module '*/vendor/onnxruntime/ort.wasm.bundle.min.mjs' {
  export * from 'onnxruntime-web/wasm';
}
declare module '*/vendor/uplot/uPlot.esm.js' {
  export { default } from 'uplot';
}
