/** Which notifications are shown. They come by REST, live, and once more as replays: each is shown once. */

const PROGRESS = ["PENDING", "DELIVERED", "READ"];

export class Feed {
  #items = new Map();
  #removed = new Set(); // a copy that was on its way when it was removed must not bring it back
  cursor = null;

  /** Newest first. Ids sort as text in the order of creation. */
  get items() {
    return [...this.#items.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  get newestId() {
    return this.items[0]?.id;
  }

  get ids() {
    return new Set(this.#items.keys());
  }

  /**
   * A notification or an announcement arrived by the socket. Whether it is new here.
   *
   * Some announcements are not kept by the server: nobody can read or count them. `passing` until a list has it.
   */
  arrived(item) {
    const passing = item.userId === undefined && (this.#items.get(item.id)?.passing ?? true);
    return this.#merge({ ...item, passing });
  }

  /**
   * The newest page of the server's list: what it does not have is gone. Except what is not in `before`, the ids that
   * were here when the page was asked for: that arrived while the answer was on its way.
   */
  refresh(page, before) {
    const listed = new Set(page.notifications.map((item) => item.id));
    for (const id of before) if (!listed.has(id) && !this.#items.get(id)?.passing) this.#items.delete(id);
    this.older(page);
  }

  /** The page that follows. How many of it are new here: what was replayed is here already. */
  older(page) {
    this.cursor = page.nextCursor;
    return this.confirm(page.notifications);
  }

  /** These are in the server's list. How many of them are new here. */
  confirm(items) {
    return items.filter((item) => this.#merge({ ...item, passing: false })).length;
  }

  read(ids) {
    for (const id of ids) this.#change(id, { status: "READ", read: true });
  }

  /** Everything up to this id is read; without one everything is. */
  readUpTo(id) {
    this.read([...this.#items.keys()].filter((each) => !id || each <= id));
  }

  remove(ids) {
    for (const id of ids) {
      this.#items.delete(id);
      this.#removed.add(id);
    }
  }

  #merge(item) {
    if (this.#removed.has(item.id)) return false;
    const known = this.#items.get(item.id);
    if (known) this.#change(item.id, item);
    else this.#items.set(item.id, item);
    return !known;
  }

  #change(id, changes) {
    const known = this.#items.get(id);
    if (!known) return;
    // An answer can be overtaken by an event. A status never goes back, so the further one is the newer one.
    const stale = PROGRESS.indexOf(changes.status) < PROGRESS.indexOf(known.status);
    this.#items.set(id, stale ? { ...changes, ...known } : { ...known, ...changes });
  }
}
