// Takes the place of `@daily-co/daily-js` in the bundle; see build.mjs. Whoever reaches it forgot to give the
// transport a media manager.
export default {
  createCallObject(): never {
    throw new Error("the page brings its own media manager; Daily's is not part of it");
  },
  getCallInstance(): undefined {
    return undefined;
  },
};
