// Documents with their attachments as CouchDB sends and takes them: multipart/related, and
// multipart/mixed for several revisions.
import { randomUUID } from 'node:crypto';

function splitParts(body, boundary) {
  const parts = [];
  // The first boundary has no line before it.
  const all = Buffer.concat([Buffer.from('\r\n'), body]);
  const mark = Buffer.from(`\r\n--${boundary}`);
  let at = all.indexOf(mark);
  while (at >= 0) {
    const from = at + mark.length;
    if (all.subarray(from, from + 2).toString() === '--') return parts;
    const next = all.indexOf(mark, from);
    if (next < 0) break;
    const part = all.subarray(from, next);
    const head = part.indexOf('\r\n\r\n');
    if (head < 0) break;
    parts.push({ headers: part.subarray(0, head).toString(), bytes: part.subarray(head + 4) });
    at = next;
  }
  throw new Error('the multipart body has no end');
}

// The document of a multipart/related body, its attachments inline. They follow in the order in
// which the document names them, or say their names.
export function readRelated(contentType, body) {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  const [first, ...rest] = splitParts(body, boundary[1] ?? boundary[2]);
  const document = JSON.parse(first.bytes.toString());
  const following = Object.entries(document._attachments ?? {}).filter(([, stub]) => stub.follows);
  if (following.length !== rest.length) throw new Error('other parts than the document names');
  following.forEach(([name, stub], index) => {
    const named = rest.find((part) => part.headers.includes(`filename="${name}"`)) ?? rest[index];
    if (stub.length !== undefined && stub.length !== named.bytes.length) throw new Error(`${name} has another length`);
    delete stub.follows;
    stub.data = named.bytes.toString('base64');
  });
  return document;
}

// A document that has its attachments inline: { type, body }. One without is plain JSON.
export function writeRelated(document) {
  const following = Object.entries(document._attachments ?? {}).filter(([, stub]) => stub.data !== undefined);
  if (following.length === 0) return { type: 'application/json', body: Buffer.from(JSON.stringify(document)) };
  const boundary = randomUUID().replaceAll('-', '');
  const parts = [];
  for (const [name, stub] of following) {
    const bytes = Buffer.from(stub.data, 'base64');
    delete stub.data;
    Object.assign(stub, { follows: true, length: bytes.length });
    const head = `Content-Disposition: attachment; filename="${name}"\r\nContent-Type: ${stub.content_type}\r\nContent-Length: ${bytes.length}`;
    parts.push(Buffer.from(`\r\n--${boundary}\r\n${head}\r\n\r\n`), bytes);
  }
  const first = `--${boundary}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(document)}`;
  return {
    type: `multipart/related; boundary="${boundary}"`,
    body: Buffer.concat([Buffer.from(first), ...parts, Buffer.from(`\r\n--${boundary}--`)]),
  };
}

// The answer to open_revs.
export function writeMixed(results) {
  const boundary = randomUUID().replaceAll('-', '');
  const parts = results.map((result) => {
    const part = result.ok
      ? writeRelated(result.ok)
      : { type: 'application/json; error="true"', body: Buffer.from(JSON.stringify(result)) };
    return Buffer.concat([Buffer.from(`--${boundary}\r\nContent-Type: ${part.type}\r\n\r\n`), part.body, Buffer.from('\r\n')]);
  });
  return { type: `multipart/mixed; boundary="${boundary}"`, body: Buffer.concat([...parts, Buffer.from(`--${boundary}--`)]) };
}
