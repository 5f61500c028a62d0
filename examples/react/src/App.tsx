import { NavLink, Outlet } from "react-router";

import { useDemoSession } from "./session";

export function App({ service }: { service: string }) {
  const { session, users, problem, signIn } = useDemoSession(service);
  return (
    <>
      <header className="top">
        <div className="wide row">
          <strong>React</strong>
          <nav aria-label="Pages">
            <NavLink to="/" end>Stock client</NavLink>
            <NavLink to="/bell">Bell</NavLink>
          </nav>
          <label className="push">
            Signed in as
            <select value={session?.user} onChange={(event) => signIn(event.target.value)}>
              {users.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
            </select>
          </label>
        </div>
      </header>
      <main className="wide">
        {problem && <p className="panel wrong" role="alert">{problem}</p>}
        {session && <Outlet context={session} key={session.user} />}
      </main>
    </>
  );
}
