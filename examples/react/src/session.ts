import { useEffect, useMemo, useState } from "react";
import { useOutletContext } from "react-router";

interface DemoUser {
  id: string;
  name: string;
  token: string;
}

/** What the pages know of who is signed in. */
export interface Session {
  service: string;
  user: string;
  /** A token that is valid now. Ask for it on each connect: the one before may have expired meanwhile. */
  getToken: () => Promise<string>;
}

/**
 * Who is signed in. In the demo that is whoever you pick. Your application has a login of its own, which takes the
 * place of this hook; the pages need nothing of it but a `Session`.
 */
export function useDemoSession(service: string) {
  const [users, setUsers] = useState<DemoUser[]>([]);
  const [user, setUser] = useState(() => sessionStorage.getItem("user"));
  const [problem, setProblem] = useState("");

  useEffect(() => {
    fetchUsers(service).then(setUsers, () =>
      setProblem(`There is no demo at ${service}, or it does not let ${location.origin} in.`),
    );
  }, [service]);

  const current = users.find(({ id }) => id === user) ?? users[0];
  const session = useMemo<Session | undefined>(
    () =>
      current && {
        service,
        user: current.id,
        getToken: async () => (await fetchUsers(service)).find(({ id }) => id === current.id)?.token ?? "",
      },
    [service, current?.id],
  );

  const signIn = (id: string) => {
    sessionStorage.setItem("user", id);
    setUser(id);
  };
  return { session, users, problem, signIn };
}

async function fetchUsers(service: string): Promise<DemoUser[]> {
  return (await (await fetch(`${service}/client/demo.json`)).json()).users;
}

/** The session, for pages inside of `App`. */
export const useSession = () => useOutletContext<Session>();
