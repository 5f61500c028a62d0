/** French. */

/** @import { Language } from "../types.js" */

/** @type {Record<string, string>} */
const TABS = { all: "Toutes", unread: "Non lues", archived: "Archivées" };
/** @type {Record<string, string>} */
const EMPTY = { unread: "Aucune notification non lue", archived: "Aucune notification archivée" };
/** @type {Record<string, string>} */
const REFUSALS = {
  token_missing: "Aucun jeton n’a été fourni.",
  token_expired: "Votre session a expiré.",
  token_revoked: "Votre session a été fermée : reconnectez-vous.",
  token_invalid: "Votre session n’est pas valable ici.",
  unavailable: "Le serveur est saturé ou en cours d’arrêt. Nouvel essai en cours.",
};
/** @type {Record<string, string>} */
const REASONS = {
  unreachable: "Le serveur est injoignable.",
  conflict: "Un autre choix a déjà été fait.",
  rate_limited: "Trop de demandes. Veuillez réessayer plus tard.",
};

/** @type {Language} */
export const strings = ({ forms, readable }) => {
  const label = forms("fr", { one: "Notifications, # non lue", other: "Notifications, # non lues" });
  return {
    locale: "fr",
    title: "Notifications",
    label: (count) => (count ? label(count) : "Notifications"),
    newCount: forms("fr", { one: "# nouvelle", other: "# nouvelles" }),
    unread: "Non lue",
    markAllRead: "Tout marquer comme lu",
    tabs: "Quelles notifications",
    tab: (name) => TABS[name] ?? readable(name),
    markRead: "Marquer comme lue",
    markUnread: "Marquer comme non lue",
    archive: "Archiver",
    unarchive: "Remettre dans la boîte de réception",
    remove: "Supprimer",
    rowAction: (action, name) => `${action} : ${name}`,
    removed: "Notification supprimée",
    archived: "Notification archivée",
    unarchived: "Notification remise dans la boîte de réception",
    undo: "Annuler",
    typeName: (type) => readable(type),
    announcement: "Annonce",
    earlier: forms("fr", { one: "+# antérieure", other: "+# antérieures" }),
    required: "À confirmer",
    acknowledge: "Confirmer",
    acknowledged: "Confirmée",
    acknowledgeFirst: "Il faut d’abord la confirmer.",
    viewAll: "Tout afficher",
    loading: "Chargement …",
    allLoaded: "Il n’y en a pas d’autres",
    empty: "Aucune notification",
    emptyHint: "Les nouvelles notifications s’affichent ici aussitôt.",
    emptyTab: (name) => EMPTY[name] ?? `Aucune notification de type ${readable(name)}`,
    problem: "Les notifications n’ont pas pu être chargées",
    reason: ({ code }) => REASONS[code] ?? "Une erreur s’est produite sur le serveur.",
    retry: "Réessayer",
    dismiss: "Fermer",
    toasts: "Nouvelles notifications",
    moreToasts: forms("fr", { one: "+# autre", other: "+# autres" }),
    desktop: "Afficher les nouvelles notifications sur le bureau",
    arrived: (name) => `Nouvelle notification : ${name}`,
    reminder: (name) => `Rappel : ${name}`,
    arrivedMany: forms("fr", { one: "# nouvelle notification", other: "# nouvelles notifications" }),
    connecting: "Connexion …",
    live: "En direct",
    reconnecting: "Reconnexion …",
    offline: (since) => `Hors ligne depuis ${since}`,
    refused: "Non connecté",
    refusedHint: (code) => REFUSALS[code] ?? "Le serveur a refusé la connexion.",
    closed: "Connexion fermée",
  };
};
