/** A short sound, of two soft tones. */

const TONES = [[880, 0], [1174.7, 0.12]]; // Hertz, and after how many seconds
const LASTS = 0.35; // seconds
const LOUDNESS = 0.08;
const PAUSE = 2_000; // milliseconds: of several that arrive at once one is heard

/** @type {AudioContext | null} */
let context = null;
let last = -PAUSE;

/** Browsers play nothing before the reader has done something on the page, and it would be heard late then. */
export async function chime() {
  if (!navigator.userActivation?.hasBeenActive || !globalThis.AudioContext || performance.now() - last < PAUSE) return;
  last = performance.now();
  context ??= new AudioContext();
  await context.resume();
  for (const [pitch, after] of TONES) {
    const start = context.currentTime + after;
    const tone = new OscillatorNode(context, { frequency: pitch });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.linearRampToValueAtTime(LOUDNESS, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + LASTS);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + LASTS);
  }
}
