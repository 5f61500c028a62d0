import { type JSX, useEffect, useState } from "react";

type Props = JSX.IntrinsicElements["eventide-bell"] & { url: string; onLoadError?: () => void };

/** Keep `getToken` the same while the user is the same: another function is asked at once. */
export function EventideBell({ onLoadError, ...props }: Props) {
  // React sets properties only on an element that knows them: so the module is loaded first.
  const [loaded, setLoaded] = useState(false);
  useEffect(() => {
    import(/* @vite-ignore */ `${props.url}/client/eventide-bell.js`).then(() => setLoaded(true), onLoadError);
  }, [props.url]);

  return loaded && <eventide-bell {...props} />;
}
