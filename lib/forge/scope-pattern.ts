/**
 * Whose jobs a runner takes, as a text: nothing, an organisation, or owner/repository. Each half is part of a path of the
 * forge's API and a word of its command line: it is no `..`, and begins with no dash.
 */
export const scopePattern = /^((?!\.{1,2}(\/|$))[\w.][\w.-]*(\/(?!\.{1,2}$)[\w.][\w.-]*)?)?$/;
