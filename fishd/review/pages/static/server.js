// Requests to the server, and its events.

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, options).catch(() => {
    throw new Error("The server cannot be reached: is `fishd review` running?");
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  throw await failure(response);
}

export async function failure(response) {
  const text = await response.text();
  const error = new Error(message(text) || `The server answered ${response.status}.`);
  error.status = response.status;
  return error;
}

function message(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return text.trim();
  }
}

const RETRY_MS = 3000;

// Calls `handlers[event](data)`. Closed while the page is hidden: a browser has few connections to a server.
export function listen(handlers) {
  let source = null;
  let retry = 0;
  const open = () => {
    clearTimeout(retry);
    if (source || document.hidden) return;
    source = new EventSource("/api/events");
    for (const [event, handler] of Object.entries(handlers)) {
      source.addEventListener(event, ({ data }) => handler(JSON.parse(data)));
    }
    source.addEventListener("error", () => {
      close();
      retry = setTimeout(open, RETRY_MS);
    });
  };
  const close = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return close();
    open();
    handlers.job?.(null);
  });
  open();
}

export const duration = (seconds) => {
  const whole = Math.round(seconds);
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
