/** What the demo sends, as long as the reader writes nothing else. */

export const EVERYBODY = "*";
export const TOPIC = "tides";
export const FOLLOWERS = "#tides"; // who is subscribed to the topic

const PHOTO = "/client/photos.html";

export const SAMPLES = [
  { title: "Dana commented", message: "“Is that green light the pier?”", type: "NEW_COMMENT", link: `${PHOTO}#1` },
  { title: "Dana answered you", message: "“Then I’ll come over before the tide turns.”", type: "NEW_COMMENT", link: `${PHOTO}#2` },
  { title: "Low tide at 19:42", message: "The path to the island is open for two hours.", type: "REMINDER", link: `${PHOTO}#2` },
  { title: "Your prints are ready", message: "Twelve photos, at the shop by the harbour.", type: "ORDER", link: "" },
];
export const ANNOUNCEMENT = { title: "Maintenance at noon", message: "Pier is closed for five minutes.", type: "SYSTEM", link: "" };

export const TIDINGS = { title: "Spring tide on Sunday", message: "The lower pier will be under water at six.", type: "TIDE", link: `${PHOTO}#2` };

/** One of many. */
export const liked = (number, of) => ({ title: "Somebody likes your photo", message: `Like ${number} of ${of}`, type: "LIKE" });
