// What the page's library is where the dashboard serves it.
declare module '*/uplot.js' {
  export { default } from 'uplot';
}
