// The caller's microphone, as a media manager for Pipecat's transport: plain `getUserMedia`, no code from the network.
import type { PipecatClientOptions, Tracks } from "@pipecat-ai/client-js";

type Listener = () => void;

const local = { id: "local", name: "", local: true };

export class Microphone {
  readonly supportsScreenShare = false;
  readonly isCamEnabled = false;
  readonly isSharingScreen = false;
  readonly selectedCam = {};
  readonly selectedSpeaker = {};

  /** The device chosen by the caller; empty for the browser's default. */
  chosen = "";
  /** Called with the track to send when it changes during a call. */
  onReplaced: (track: MediaStreamTrack) => void = () => {};
  /** Called when the list of devices changes. */
  onDevices: Listener = () => {};
  /** Called when the microphone is unplugged. */
  onLost: Listener = () => {};

  private options: PipecatClientOptions | undefined;
  private stream: MediaStream | undefined;
  private sent: MediaStreamTrack | undefined;
  private enabled = true;

  constructor() {
    navigator.mediaDevices?.addEventListener("devicechange", () => this.onDevices());
  }

  /** Opens the chosen microphone, the default one where the chosen is gone. */
  async open(): Promise<MediaStream> {
    if (this.stream?.active) return this.stream;
    if (!navigator.mediaDevices?.getUserMedia)
      throw Object.assign(new Error("no media devices"), { name: "InsecureContext" });
    this.stream = await this.request(this.chosen).catch((error: unknown) => {
      const gone = error instanceof Error && ["OverconstrainedError", "NotFoundError"].includes(error.name);
      if (!gone || !this.chosen) throw error;
      this.chosen = "";
      return this.request("");
    });
    const track = this.stream.getAudioTracks()[0];
    track?.addEventListener("ended", () => this.onLost());
    if (track) track.enabled = this.enabled;
    this.onDevices();
    return this.stream;
  }

  private request(device: string): Promise<MediaStream> {
    return navigator.mediaDevices.getUserMedia({
      audio: {
        channelCount: 1,
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...(device && { deviceId: { exact: device } }),
      },
    });
  }

  /** What the level meter listens to. */
  get source(): MediaStream | undefined {
    return this.stream?.active ? this.stream : undefined;
  }

  /**
   * A fresh track for a new peer connection. The transport stops the tracks of the connection it replaces, so each
   * gets a clone; otherwise a reconnected call would be mute.
   */
  renewTrack() {
    const track = this.stream?.getAudioTracks()[0]?.clone();
    if (track) track.enabled = this.enabled;
    this.sent = track;
  }

  setClientOptions(options: PipecatClientOptions) {
    this.options = options;
  }

  async initialize() {
    await this.open();
    this.options?.callbacks?.onMicUpdated?.(this.selectedMic as MediaDeviceInfo);
  }

  async connect() {
    await this.open();
    const track = this.stream?.getAudioTracks()[0];
    if (track) this.options?.callbacks?.onTrackStarted?.(track, local);
  }

  async disconnect() {
    this.close();
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.sent?.stop();
    this.stream = this.sent = undefined;
  }

  async updateMic(device: string) {
    this.chosen = device;
    if (!this.stream) return;
    this.close();
    await this.open();
    this.renewTrack();
    if (this.sent) this.onReplaced(this.sent);
  }

  async getAllMics(): Promise<MediaDeviceInfo[]> {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter((device) => device.kind === "audioinput");
  }

  get selectedMic(): MediaDeviceInfo | Record<string, never> {
    const track = this.stream?.getAudioTracks()[0];
    const deviceId = track?.getSettings().deviceId ?? "";
    return track ? ({ deviceId, label: track.label, kind: "audioinput", groupId: "" } as MediaDeviceInfo) : {};
  }

  enableMic(enable: boolean) {
    this.enabled = enable;
    for (const track of [this.sent, this.stream?.getAudioTracks()[0]]) if (track) track.enabled = enable;
  }

  get isMicEnabled() {
    return this.enabled;
  }

  tracks(): Tracks {
    return { local: this.sent ? { audio: this.sent } : {} };
  }

  // The transport asks for these; the page has no camera, no screen and one loudspeaker.
  setUserAudioCallback() {}
  async userStartedSpeaking() {}
  bufferBotAudio() {
    return undefined;
  }
  async getAllCams(): Promise<MediaDeviceInfo[]> {
    return [];
  }
  async getAllSpeakers(): Promise<MediaDeviceInfo[]> {
    return [];
  }
  updateCam() {}
  updateSpeaker() {}
  enableCam() {}
  enableScreenShare() {}
}
