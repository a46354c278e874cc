/** An op of the simulated machine fails with an errno, as the real one would. */
export class Failure extends Error {
  constructor(
    readonly errno: string,
    readonly detail?: string,
  ) {
    super(errno);
  }
}
