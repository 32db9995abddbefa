/** Small byte helpers for what a proxy can do to frames. Lenient on purpose: the relay also shows broken frames. */

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export function toText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

export function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}

export function toBase64url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** One line per 16 bytes, or per 8 where there is little room: offset, hexadecimal, printable characters. */
export function hexDump(bytes: Uint8Array, perLine: 8 | 16 = 16): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += perLine) {
    const row = [...bytes.subarray(at, at + perLine)];
    const hex = row.map((b) => b.toString(16).padStart(2, "0"));
    const left = hex.slice(0, 8).join(" ").padEnd(23);
    const right = perLine === 8 ? "" : `  ${hex.slice(8).join(" ").padEnd(23)}`;
    const ascii = row.map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : "·")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${left}${right}  ${ascii}`);
  }
  return lines.join("\n");
}
