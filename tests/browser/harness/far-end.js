// Runs inside the page, before it: a scripted server at the other end of a real WebRTC connection. `/api/offer` is
// answered by a second peer connection in the same browser, so that the page's own code, its transport and the
// data channel are all in play, and a test says what the server would say: `farEnd.send(type, data)`.
export function installFarEnd() {
  const realFetch = window.fetch.bind(window);
  const farEnd = { calls: 0, sent: [], offered: undefined, peer: undefined, channel: undefined, status: undefined, refuse: undefined, refuseControls: undefined };
  window.farEnd = farEnd;

  farEnd.send = (type, data, id = "x") => farEnd.channel.send(JSON.stringify({ label: "rtvi-ai", id, type, data }));
  farEnd.say = (data) => farEnd.send("server-message", data);
  farEnd.hangUp = () => farEnd.peer.close();

  const json = (body, status = 200, headers = {}) =>
    new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

  async function answer({ sdp, type }) {
    farEnd.calls += 1;
    const peer = (farEnd.peer = new RTCPeerConnection());
    peer.ondatachannel = ({ channel }) => {
      farEnd.channel = channel;
      channel.onmessage = ({ data }) => {
        if (data.startsWith("ping")) return;
        const message = JSON.parse(data);
        farEnd.sent.push(message);
        if (message.type === "client-message") {
          if (farEnd.refuseControls) farEnd.send("error-response", { error: farEnd.refuseControls }, message.id);
          else farEnd.send("server-response", { t: message.data.t, d: null }, message.id);
        }
        if (message.type === "client-ready") farEnd.send("bot-ready", { version: "1.2.0", about: { library: "far-end" } });
      };
    };
    const context = (farEnd.context = new AudioContext());
    const voice = context.createMediaStreamDestination();
    farEnd.loud = context.createGain();
    farEnd.loud.gain.value = 0;
    const tone = new OscillatorNode(context, { frequency: 220 });
    const wobble = new GainNode(context, { gain: 0.5 });
    const slow = new OscillatorNode(context, { frequency: 3 });
    slow.connect(wobble.gain);
    tone.connect(wobble).connect(farEnd.loud).connect(voice);
    tone.start();
    slow.start();
    await peer.setRemoteDescription({ sdp, type });
    peer.getTransceivers()[0].direction = "sendrecv";
    await peer.getTransceivers()[0].sender.replaceTrack(voice.stream.getAudioTracks()[0]);
    await peer.setLocalDescription(await peer.createAnswer());
    await new Promise((done) => {
      if (peer.iceGatheringState === "complete") done();
      peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    });
    return { sdp: peer.localDescription.sdp, type: "answer", pc_id: "far-end" };
  }

  window.fetch = async (resource, options = {}) => {
    const request = resource instanceof Request ? resource : new Request(resource, options);
    const path = new URL(request.url).pathname;
    if (farEnd.gone) throw new TypeError("Failed to fetch");
    const credential = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    // A server that asks for a key, where a test sets one.
    const isKnown = farEnd.key === undefined || (!farEnd.expired && credential.startsWith("token-"));
    if (path === "/api/session" && farEnd.key !== undefined) {
      farEnd.sessions = (farEnd.sessions ?? 0) + 1;
      if (farEnd.refuseSession) return json(farEnd.refuseSession.body, farEnd.refuseSession.status);
      if (isKnown || credential === farEnd.key) return json({ token: `token-${farEnd.sessions}`, expires_in_seconds: farEnd.lasts ?? 600, ice_servers: [] });
      return json({ error: "no key is known by it", code: farEnd.expired ? "expired_token" : "unknown_credential" }, 401);
    }
    if (path === "/api/status" && farEnd.key !== undefined && !isKnown)
      return json({ name: "voce", version: "0.1.0", assistant: "shop-help", models: [], takes_feedback: false, ice_servers: [], sign_in: { required: true, done: false } });
    if (!isKnown && path.startsWith("/api/")) return json({ error: "sign in", code: "sign_in" }, 401);
    farEnd.credential = credential;
    if (path === "/api/status") return json(farEnd.status ?? (farEnd.status = {
      sign_in: { required: farEnd.key !== undefined, done: farEnd.key !== undefined },
      name: "voce", version: "0.1.0", assistant: "shop-help", ice_servers: [], takes_feedback: true,
      mlflow_url: "http://127.0.0.1:5000/", trace_url_template: "http://127.0.0.1:5000/#/traces/tr-{trace_id}",
      models: [
        { role: "speech to text", provider: "moonshine", name: "moonshine-base-en", device: "cpu" },
        { role: "language model", provider: "candle", name: "smollm2-135m-instruct", device: "cpu" },
        { role: "voice", provider: "kokoro", name: "kokoro-82m-int8", device: "cpu" },
      ],
    }));
    if (path === "/api/offer" && request.method === "POST") {
      if (farEnd.refuse) return json(farEnd.refuse.body, farEnd.refuse.status, farEnd.refuse.headers);
      if (farEnd.nowhere) {
        const real = await answer(await request.json());
        // Candidates at an address that leads nowhere: TEST-NET-1 of RFC 5737.
        return json({ ...real, sdp: real.sdp.replace(/(a=candidate:.* udp \d+ )\S+/gi, "$1192.0.2.7") });
      }
      farEnd.offered = await request.json();
      return json(await answer(farEnd.offered));
    }
    if (path === "/api/offer") {
      const { candidates } = await request.json();
      if (!farEnd.nowhere)
        for (const each of candidates)
          await farEnd.peer.addIceCandidate({ candidate: each.candidate, sdpMid: each.sdp_mid, sdpMLineIndex: each.sdp_mline_index }).catch(() => {});
      return json({});
    }
    return realFetch(resource, options);
  };
}
