/** Spanish. */

/** @import { Language } from "../types.js" */

/** @type {Record<string, string>} */
const TABS = { all: "Todas", unread: "Sin leer", archived: "Archivadas" };
/** @type {Record<string, string>} */
const EMPTY = { unread: "No hay notificaciones sin leer", archived: "No hay notificaciones archivadas" };
/** @type {Record<string, string>} */
const REFUSALS = {
  token_missing: "No se ha indicado ningún token.",
  token_expired: "Tu sesión ha caducado.",
  token_revoked: "Se ha cerrado tu sesión: vuelve a iniciarla.",
  token_invalid: "Tu sesión no es válida aquí.",
  unavailable: "El servidor está saturado o deteniéndose. Se volverá a intentar.",
};
/** @type {Record<string, string>} */
const REASONS = {
  unreachable: "No se puede acceder al servidor.",
  conflict: "Ya se eligió otra opción.",
  rate_limited: "Demasiadas solicitudes. Inténtalo de nuevo más tarde.",
};

/** @type {Language} */
export const strings = ({ forms, readable }) => {
  const label = forms("es", { one: "Notificaciones, # sin leer", other: "Notificaciones, # sin leer" });
  return {
    locale: "es",
    title: "Notificaciones",
    label: (count) => (count ? label(count) : "Notificaciones"),
    newCount: forms("es", { one: "# nueva", other: "# nuevas" }),
    unread: "Sin leer",
    markAllRead: "Marcar todo como leído",
    tabs: "Qué notificaciones",
    tab: (name) => TABS[name] ?? readable(name),
    markRead: "Marcar como leída",
    markUnread: "Marcar como no leída",
    archive: "Archivar",
    unarchive: "Mover a la bandeja de entrada",
    remove: "Eliminar",
    rowAction: (action, name) => `${action}: ${name}`,
    removed: "Notificación eliminada",
    archived: "Notificación archivada",
    unarchived: "Notificación movida a la bandeja de entrada",
    undo: "Deshacer",
    typeName: (type) => readable(type),
    announcement: "Anuncio",
    earlier: forms("es", { one: "+# anterior", other: "+# anteriores" }),
    required: "Por confirmar",
    acknowledge: "Confirmar",
    acknowledged: "Confirmado",
    acknowledgeFirst: "Primero hay que confirmarlo.",
    viewAll: "Ver todas",
    loading: "Cargando …",
    allLoaded: "No hay más",
    empty: "No hay notificaciones",
    emptyHint: "Las nuevas notificaciones aparecen aquí al instante.",
    emptyTab: (name) => EMPTY[name] ?? `No hay notificaciones de tipo ${readable(name)}`,
    problem: "No se han podido cargar las notificaciones",
    reason: ({ code }) => REASONS[code] ?? "Se ha producido un error en el servidor.",
    retry: "Reintentar",
    dismiss: "Cerrar",
    toasts: "Notificaciones nuevas",
    moreToasts: forms("es", { other: "+# más" }),
    desktop: "Mostrar las notificaciones nuevas en el escritorio",
    arrived: (name) => `Notificación nueva: ${name}`,
    reminder: (name) => `Recordatorio: ${name}`,
    arrivedMany: forms("es", { one: "# notificación nueva", other: "# notificaciones nuevas" }),
    connecting: "Conectando …",
    live: "En directo",
    reconnecting: "Reconectando …",
    offline: (since) => `Sin conexión desde las ${since}`,
    refused: "Sesión no iniciada",
    refusedHint: (code) => REFUSALS[code] ?? "El servidor ha rechazado la conexión.",
    closed: "Sin conexión",
  };
};
