// What file-list.js, which the gateway makes, says. Names are relative to the page.
declare const SHELL: string[];
declare const ON_DEMAND: string[];
