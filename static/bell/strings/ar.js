/** Arabic. */

/** @import { Language } from "../types.js" */

/** @type {Record<string, string>} */
const TABS = { all: "الكل", unread: "غير المقروءة", archived: "المؤرشفة" };
/** @type {Record<string, string>} */
const EMPTY = { unread: "لا توجد إشعارات غير مقروءة", archived: "لا توجد إشعارات مؤرشفة" };
/** @type {Record<string, string>} */
const REFUSALS = {
  token_missing: "لم يُقدَّم رمز دخول.",
  token_expired: "انتهت صلاحية جلستك.",
  token_revoked: "أُنهيت جلستك: سجّل الدخول من جديد.",
  token_invalid: "جلستك غير صالحة هنا.",
  unavailable: "الخادم مشغول أو قيد الإيقاف. ستُعاد المحاولة.",
};
/** @type {Record<string, string>} */
const REASONS = {
  unreachable: "يتعذر الوصول إلى الخادم.",
  conflict: "سبق اختيار إجراء آخر.",
  rate_limited: "طلبات كثيرة جدًا. حاول مرة أخرى لاحقًا.",
};

/** @type {Language} */
export const strings = ({ forms, readable }) => {
  const label = forms("ar", {
    one: "الإشعارات، إشعار واحد غير مقروء",
    two: "الإشعارات، إشعاران غير مقروءين",
    few: "الإشعارات، # إشعارات غير مقروءة",
    many: "الإشعارات، # إشعارًا غير مقروء",
    other: "الإشعارات، # إشعار غير مقروء",
  });
  return {
    locale: "ar",
    title: "الإشعارات",
    label: (count) => (count ? label(count) : "الإشعارات"),
    newCount: forms("ar", { other: "# جديدة" }),
    unread: "غير مقروء",
    markAllRead: "تحديد الكل كمقروء",
    tabs: "أي الإشعارات",
    tab: (name) => TABS[name] ?? readable(name),
    markRead: "تحديد كمقروء",
    markUnread: "تحديد كغير مقروء",
    archive: "أرشفة",
    unarchive: "نقل إلى البريد الوارد",
    remove: "حذف",
    rowAction: (action, name) => `${action}: ${name}`,
    removed: "تم حذف الإشعار",
    archived: "تمت أرشفة الإشعار",
    unarchived: "تم نقل الإشعار إلى البريد الوارد",
    undo: "تراجع",
    typeName: (type) => readable(type),
    announcement: "إعلان",
    earlier: forms("ar", { other: "+# سابقة" }),
    required: "بانتظار التأكيد",
    acknowledge: "تأكيد",
    acknowledged: "تم التأكيد",
    acknowledgeFirst: "يجب تأكيده أولاً.",
    viewAll: "عرض الكل",
    loading: "جارٍ التحميل …",
    allLoaded: "لا يوجد المزيد",
    empty: "لا توجد إشعارات",
    emptyHint: "تظهر الإشعارات الجديدة هنا فور وصولها.",
    emptyTab: (name) => EMPTY[name] ?? `لا توجد إشعارات من النوع ${readable(name)}`,
    problem: "تعذر تحميل الإشعارات",
    reason: ({ code }) => REASONS[code] ?? "حدث خطأ في الخادم.",
    retry: "إعادة المحاولة",
    dismiss: "إغلاق",
    toasts: "إشعارات جديدة",
    moreToasts: forms("ar", { other: "+# أخرى" }),
    desktop: "عرض الإشعارات الجديدة على سطح المكتب",
    arrived: (name) => `إشعار جديد: ${name}`,
    reminder: (name) => `تذكير: ${name}`,
    arrivedMany: forms("ar", {
      one: "إشعار واحد جديد",
      two: "إشعاران جديدان",
      few: "# إشعارات جديدة",
      many: "# إشعارًا جديدًا",
      other: "# إشعار جديد",
    }),
    connecting: "جارٍ الاتصال …",
    live: "مباشر",
    reconnecting: "جارٍ إعادة الاتصال …",
    offline: (since) => `غير متصل منذ ${since}`,
    refused: "لم يتم تسجيل الدخول",
    refusedHint: (code) => REFUSALS[code] ?? "رفض الخادم الاتصال.",
    closed: "غير متصل",
  };
};
