// What can go wrong, in words that say what to do. Never a bare code.

export interface Problem {
  /** Stable name, for tests. */
  kind: string;
  title: string;
  detail: string;
  /** Lines for whoever looks after the network. */
  evidence?: string[];
  /** When it makes sense to try again, milliseconds of `Date.now()`. */
  retryAt?: number;
  /** True when the call goes on. */
  mild?: boolean;
}

/** What `getUserMedia` meant. */
export function microphoneProblem(error: unknown): Problem {
  const name = error instanceof Error ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return {
        kind: "microphone-refused",
        title: "Your browser blocked the microphone.",
        detail: "Click the lock beside the address, allow the microphone, then press Talk.",
      };
    case "NotFoundError":
    case "OverconstrainedError":
      return {
        kind: "microphone-missing",
        title: "No microphone was found.",
        detail: "Plug one in or switch it on, choose it below, then press Talk.",
      };
    case "NotReadableError":
    case "AbortError":
      return {
        kind: "microphone-busy",
        title: "The microphone could not be opened.",
        detail: "Another program may be using it. Close that program or choose another microphone, then press Talk.",
      };
    case "InsecureContext":
      return {
        kind: "microphone-insecure",
        title: "Browsers give the microphone to secure pages only.",
        detail: `Open this page over https, or on the server's own machine as http://localhost:${location.port || "80"}/.`,
      };
    default:
      return {
        kind: "microphone-failed",
        title: "The microphone could not be opened.",
        detail: error instanceof Error ? error.message : "The browser gave no reason.",
      };
  }
}

/** What the server meant by refusing the call. */
export async function refusal(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as { error?: string; code?: string; retry_after_seconds?: number };
  const wait = body.retry_after_seconds ?? Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAt = Number.isFinite(wait) ? Date.now() + wait * 1000 : undefined;
  if (response.status === 401) return signInNeeded();
  if (response.status === 403) {
    return {
      kind: "not-allowed",
      title: "This page may not use the server.",
      detail: body.error ? sentence(body.error) : "Whoever runs the server can allow it.",
    };
  }
  if (response.status === 429) {
    return {
      kind: "too-many",
      title: "That was too much at once.",
      detail: body.error ? sentence(body.error) : "The server takes only so many calls of one key in a minute.",
      retryAt,
    };
  }
  if (body.code === "shutting_down") {
    return {
      kind: "server-leaving",
      title: "The server is being restarted.",
      detail: "It takes no new calls now. Another one may take its place.",
      retryAt,
    };
  }
  if (retryAt !== undefined) {
    return {
      kind: "server-full",
      title: "All lines are busy.",
      detail: "The server holds as many calls as it can serve well.",
      retryAt,
    };
  }
  return {
    kind: "server-refused",
    title: "The server did not take the call.",
    detail: body.error ? sentence(body.error) : "It gave no reason; its log will say why.",
  };
}

export function signInNeeded(): Problem {
  return {
    kind: "sign-in-needed",
    title: "Please sign in again.",
    detail: "Your sign-in has ended, or the server was started again. Enter your access key, then press Talk.",
  };
}

export function serverGone(): Problem {
  return {
    kind: "server-gone",
    title: "The server does not answer.",
    detail: "It may have been stopped, or your network is down. Check both, then press Talk.",
  };
}

export function notReady(): Problem {
  return {
    kind: "server-silent",
    title: "The server took the call but did not get ready.",
    detail: "It may still be loading its models. Wait a moment, then press Talk.",
  };
}

export function noPath(evidence: string[]): Problem {
  return {
    kind: "no-path",
    title: "Sound cannot travel between you and the server.",
    detail: "A firewall or VPN may block UDP. Try another network, or ask whoever runs the server to open its media port.",
    evidence,
  };
}

export function callLost(): Problem {
  return {
    kind: "call-lost",
    title: "The call was lost.",
    detail: "The connection to the server broke and could not be restored. Press Talk to call again.",
  };
}

export function callEndedByServer(): Problem {
  return { kind: "call-ended", title: "The server ended the call.", detail: "Press Talk to call again." };
}

export function reconnecting(): Problem {
  return {
    kind: "reconnecting",
    title: "The connection dropped.",
    detail: "Trying to restore it…",
    mild: true,
  };
}

export function microphoneLost(): Problem {
  return {
    kind: "microphone-lost",
    title: "The microphone went away.",
    detail: "Plug it in again or choose another below.",
    mild: true,
  };
}

export function noSpeech(silent: boolean): Problem {
  return {
    kind: "no-speech",
    title: silent ? "The microphone is silent." : "No speech heard yet.",
    detail: silent
      ? "It may be muted, or the wrong one is chosen. Pick another below and watch the level move."
      : "Sound arrives but no words. Speak a little louder or closer, or choose another microphone.",
    mild: true,
  };
}

export function soundHeldBack(): Problem {
  return {
    kind: "sound-blocked",
    title: "Your browser holds back the sound.",
    detail: "Click anywhere on the page to hear the answer.",
    mild: true,
  };
}

export function stageFailed(message: string): Problem {
  return { kind: "stage-failed", title: "The answer failed.", detail: sentence(message), mild: true };
}

export function notDone(reason: string): Problem {
  return { kind: "not-done", title: "The server did not take that.", detail: sentence(reason), mild: true };
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
