// Pipecat's SmallWebRTC transport with three corrections: a busy server is believed at once instead of asked three
// more times, a reconnected call keeps its microphone, and the page can look at the peer connection.
import { SmallWebRTCTransport } from "@pipecat-ai/small-webrtc-transport";

import { liveHeaders } from "./access";
import type { Microphone } from "./microphone";
import { user } from "./user";

// What we touch of the transport's inside; its version is pinned exactly for that reason.
interface Inside {
  pc: RTCPeerConnection | null;
  dc: RTCDataChannel | null;
  _lastNegotiationError: unknown;
  negotiate(recreate?: boolean): Promise<void>;
  startNewPeerConnection(recreate?: boolean): Promise<void>;
  stop(error?: Error): Promise<void>;
  buildTransportStartError(): Error;
}

export class CallTransport extends SmallWebRTCTransport {
  constructor(private readonly microphone: Microphone) {
    super({ mediaManager: microphone, webrtcRequestParams: { endpoint: "/api/offer", headers: liveHeaders, requestData: { user: user() } } });
    microphone.onReplaced = (track) => void this.peer?.getTransceivers()[0]?.sender.replaceTrack(track);
    const inside = this.inside;
    const { negotiate, startNewPeerConnection } = inside;
    inside.negotiate = async (recreate) => {
      await negotiate.call(this, recreate);
      // Refusals other than 4xx would be retried on a timer although the server said when to come back.
      if (inside.pc && inside._lastNegotiationError instanceof Response)
        await inside.stop(inside.buildTransportStartError());
    };
    inside.startNewPeerConnection = async (recreate) => {
      this.microphone.renewTrack();
      await startNewPeerConnection.call(this, recreate);
    };
  }

  get peer(): RTCPeerConnection | null {
    return this.inside.pc;
  }

  get channel(): RTCDataChannel | null {
    return this.inside.dc;
  }

  private get inside(): Inside {
    return this as unknown as Inside;
  }
}
