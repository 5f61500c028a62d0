import { computed, ref, watch } from "vue";

interface DemoUser {
  id: string;
  name: string;
  token: string;
}

/**
 * Who is signed in. In the demo that is whoever you pick. Your application has a login of its own, which takes the
 * place of this function; the bell needs nothing of it but `getToken`, a function that gives a token which is valid now.
 */
export function useDemoSession(service: string) {
  const users = ref<DemoUser[]>([]);
  const user = ref(sessionStorage.getItem("user") ?? "");
  const problem = ref("");

  fetchUsers(service).then(
    (fetched) => {
      users.value = fetched;
      if (!fetched.some(({ id }) => id === user.value)) user.value = fetched[0].id;
    },
    () => (problem.value = `There is no demo at ${service}, or it does not let ${location.origin} in.`),
  );
  watch(user, (id) => sessionStorage.setItem("user", id));

  // One function per user, and none before it is known who that is.
  const getToken = computed(() => {
    const current = user.value;
    if (users.value.length === 0) return undefined;
    return async () => (await fetchUsers(service)).find(({ id }) => id === current)?.token;
  });
  return { users, user, getToken, problem };
}

async function fetchUsers(service: string): Promise<DemoUser[]> {
  return (await (await fetch(`${service}/client/demo.json`)).json()).users;
}
