/**
 * Who is signed in. In the demo that is whoever you pick. Your site has a login of its own, which takes the place of
 * this file; the others need nothing of it but `service` and `getToken`.
 */

/** The notification service's address, without a path. */
export const { service } = await (await fetch("config.json")).json();

const demo = `${service}/client/demo.json`;
const fetchUsers = async () => (await (await fetch(demo)).json()).users;
const users = await fetchUsers().catch(() => {
  document.querySelector("main").textContent = `There is no demo at ${demo}, or it does not let ${location.origin} in.`;
  throw new Error("no demo");
});
const user = sessionStorage.getItem("user") ?? users[0].id;

/** A token that is valid now. */
export async function getToken() {
  return (await fetchUsers()).find(({ id }) => id === user).token;
}

const picker = document.getElementById("users");
picker.append(...users.map(({ id, name }) => new Option(name, id, false, id === user)));
picker.addEventListener("change", () => {
  sessionStorage.setItem("user", picker.value);
  location.reload();
});
