/** The number of unread notifications in the page's title. */

/** "(3) Your page": the first bell of a page has its title. */
export const title = {
  /** @type {object | null} */
  owner: null,
  own: "",
  shown: "",
  /** @type {number | null} */
  count: null,
  /** @type {MutationObserver | null} */
  observer: null,

  /**
   * @param {object} owner
   * @param {number | null} count
   */
  show(owner, count) {
    this.owner ??= owner;
    if (this.owner !== owner) return;
    this.count = count;
    if (document.title !== this.shown) this.own = document.title;
    this.shown = count ? `(${count > 99 ? "99+" : count}) ${this.own}` : this.own;
    if (document.title !== this.shown) document.title = this.shown;
    if (!this.observer && document.head) {
      // The page may change its title at any time.
      this.observer = new MutationObserver(() => document.title !== this.shown && this.show(owner, this.count));
      this.observer.observe(document.head, { subtree: true, childList: true, characterData: true });
    }
  },

  /** @param {object} owner */
  leave(owner) {
    if (this.owner !== owner) return;
    this.observer?.disconnect();
    this.observer = this.owner = null;
    if (document.title === this.shown) document.title = this.own;
    this.shown = "";
  },
};
