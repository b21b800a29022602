// Questions to the server.

/** What the server says is wrong. */
export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `the server answered ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

async function read(response) {
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

async function send(path, options) {
  try {
    return await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Refused(0, { error: "the server does not answer; is curation tune still running?" });
  }
}

export async function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(given).toString();
  return read(await send(search ? `${path}?${search}` : path));
}

export async function ask(path, body) {
  const headers = { "content-type": "application/json" };
  return read(await send(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/**
 * One question at a time, always the newest: while one is on its way, only the last of those that come is remembered.
 * So an answer can never be older than what is shown, and a slow server is asked less often.
 */
export class Newest {
  #next = null;
  #busy = false;

  /** `put(question)` gives the answer, `done(answer, question)` shows it, `failed(error)` shows what is wrong. */
  constructor(put, done, failed) {
    Object.assign(this, { put, done, failed });
  }

  ask(question) {
    this.#next = question;
    if (!this.#busy) this.#work();
  }

  /** How long the last answer took, in milliseconds. */
  took = 0;

  async #work() {
    this.#busy = true;
    while (this.#next !== null) {
      const question = this.#next;
      this.#next = null;
      const began = performance.now();
      try {
        const answer = await this.put(question);
        this.took = performance.now() - began;
        this.done(answer, question);
      } catch (error) {
        if (!(error instanceof Refused)) console.error(error);
        this.failed(error);
      }
    }
    this.#busy = false;
  }
}
