/** Japanese. */

/** @import { Language } from "../types.js" */

/** @type {Record<string, string>} */
const TABS = { all: "すべて", unread: "未読", archived: "アーカイブ" };
/** @type {Record<string, string>} */
const EMPTY = { unread: "未読の通知はありません", archived: "アーカイブした通知はありません" };
/** @type {Record<string, string>} */
const REFUSALS = {
  token_missing: "トークンがありません。",
  token_expired: "セッションの有効期限が切れました。",
  token_revoked: "セッションは終了されました。もう一度ログインしてください。",
  token_invalid: "このセッションはここでは無効です。",
  unavailable: "サーバーが混雑しているか、停止中です。再試行しています。",
};
/** @type {Record<string, string>} */
const REASONS = {
  unreachable: "サーバーに接続できません。",
  conflict: "すでに別の操作が選択されています。",
  rate_limited: "リクエストが多すぎます。しばらくしてからもう一度お試しください。",
};

/** @type {Language} */
export const strings = ({ forms, readable }) => {
  const label = forms("ja", { other: "通知、未読#件" });
  return {
    locale: "ja",
    title: "通知",
    label: (count) => (count ? label(count) : "通知"),
    newCount: forms("ja", { other: "新着#件" }),
    unread: "未読",
    markAllRead: "すべて既読にする",
    tabs: "表示する通知",
    tab: (name) => TABS[name] ?? readable(name),
    markRead: "既読にする",
    markUnread: "未読にする",
    archive: "アーカイブ",
    unarchive: "受信トレイに移動",
    remove: "削除",
    rowAction: (action, name) => `${action}：${name}`,
    removed: "通知を削除しました",
    archived: "通知をアーカイブしました",
    unarchived: "通知を受信トレイに移動しました",
    undo: "元に戻す",
    typeName: (type) => readable(type),
    announcement: "お知らせ",
    earlier: forms("ja", { other: "以前の#件" }),
    required: "要確認",
    acknowledge: "確認する",
    acknowledged: "確認しました",
    acknowledgeFirst: "先に確認してください。",
    viewAll: "すべて表示",
    loading: "読み込み中…",
    allLoaded: "これですべてです",
    empty: "通知はありません",
    emptyHint: "新しい通知はここにすぐ表示されます。",
    emptyTab: (name) => EMPTY[name] ?? `種類が${readable(name)}の通知はありません`,
    problem: "通知を読み込めませんでした",
    reason: ({ code }) => REASONS[code] ?? "サーバーでエラーが発生しました。",
    retry: "再試行",
    dismiss: "閉じる",
    toasts: "新しい通知",
    moreToasts: forms("ja", { other: "他#件" }),
    desktop: "新しい通知をデスクトップに表示",
    arrived: (name) => `新しい通知：${name}`,
    reminder: (name) => `リマインダー：${name}`,
    arrivedMany: forms("ja", { other: "新しい通知が#件あります" }),
    connecting: "接続中…",
    live: "接続済み",
    reconnecting: "再接続中…",
    offline: (since) => `${since}からオフライン`,
    refused: "サインインしていません",
    refusedHint: (code) => REFUSALS[code] ?? "サーバーが接続を拒否しました。",
    closed: "未接続",
  };
};
