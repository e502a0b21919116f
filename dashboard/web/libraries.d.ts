// Types of the library, at the path where the dashboard serves it.
declare module '*/uplot.js' {
  export { default } from 'uplot';
}
