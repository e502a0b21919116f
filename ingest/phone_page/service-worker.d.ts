// The globals of file-list.js, which the gateway generates. Names are relative to the page.
declare const SHELL: string[];
declare const ON_DEMAND: string[];
