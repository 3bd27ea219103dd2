// JSON text with sorted members: equal texts mean equal values.
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.keys(value)
      .filter((name) => value[name] !== undefined)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

// A document as its user sees it: without the revision, and attachments by their content instead
// of by the revision that brought them.
export function content(document) {
  const { _rev, _revisions, _attachments, ...members } = document;
  if (_attachments === undefined) return members;
  const attachments = {};
  for (const [name, { content_type, digest, length }] of Object.entries(_attachments)) {
    attachments[name] = { content_type, digest, length };
  }
  return { ...members, _attachments: attachments };
}

export const sameContent = (a, b) => canonicalJson(content(a)) === canonicalJson(content(b));
