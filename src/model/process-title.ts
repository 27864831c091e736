/** What the processes of tapmap are called, in their command lines and by `ps`. */
export const PROBE_TITLE = 'tapmap probe';
