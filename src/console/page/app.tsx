/** The frame around every screen: the top line, the screen, and what happened. */
import { useEffect, useRef } from "preact/hooks";
import { FrontScreen } from "./front/front-screen.tsx";
import { JobsScreen } from "./jobs/jobs-screen.tsx";
import { KeyScreen } from "./key-screen.tsx";
import { Notices } from "./parts/notices.tsx";
import { linkToFront, type Route, route } from "./route.ts";
import { session } from "./session.ts";
import { TopLine } from "./top-line.tsx";
import { UserScreen } from "./user/user-screen.tsx";

export const App = () => {
  if (session.value === undefined) {
    return (
      <>
        <KeyScreen />
        <Notices />
      </>
    );
  }
  return (
    <>
      <button type="button" class="skip" onClick={toMain}>
        Skip to the content
      </button>
      <TopLine />
      <main id="main" tabIndex={-1}>
        <Screen />
      </main>
      <Notices />
    </>
  );
};

const titleOf = (at: Route): readonly string[] => {
  switch (at.at) {
    case "user":
      return [at.user];
    case "jobs":
      return ["Jobs"];
    case "front":
    case "nowhere":
      return [];
  }
};

/** Not a link: the address's fragment is where one is in the console, not a place in the page. */
const toMain = (): void => document.getElementById("main")?.focus();

const Screen = () => {
  const at = route.value;
  const place = at.at === "user" ? `user ${at.user}` : at.at;
  const isFirst = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the place that changes
  useEffect(() => {
    // Another screen is read from its beginning; the first one is where the browser has put the reader.
    if (!isFirst.current) {
      document.getElementById("main")?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    isFirst.current = false;
    document.title = [...titleOf(at), "Restante console"].join(" · ");
  }, [place]);
  switch (at.at) {
    case "front":
      return <FrontScreen />;
    case "user":
      return <UserScreen key={at.user} user={at.user} tab={at.tab} />;
    case "jobs":
      return <JobsScreen />;
    case "nowhere":
      return (
        <>
          <h1>There is no such page here</h1>
          <p class="lead">
            <a href={linkToFront}>To the overview</a>
          </p>
        </>
      );
  }
};
