import { Link, useLocation, useParams } from "react-router";

/** Where links of notifications lead: `/posts/1#comment-9`. */
export function PostPage() {
  const { id } = useParams();
  const { hash } = useLocation();
  return (
    <div className="panel">
      <h1>Post {id}</h1>
      {hash && <p>The notification led to <strong>{hash.slice(1)}</strong>, and the page was not loaded anew.</p>}
      <p><Link to="/bell">Back to the bell</Link></p>
    </div>
  );
}
