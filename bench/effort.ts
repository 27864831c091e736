/** How long to measure. `smoke` only shows that all of it runs: nothing is judged. */
export type Effort = 'full' | 'quick' | 'smoke';
