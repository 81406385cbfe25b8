// A sending city written from docs/protocol.md and the descriptor set alone. The same commands, configuration and state
// file as ../python/sender.py; README.md lists them.
//
//   node sender.js bundle   CONFIG                 write this city's bundle, print its fingerprint
//   node sender.js describe CONFIG                 ask the partner who it is
//   node sender.js deliver  CONFIG RECORDS.jsonl   send records, one JSON object of the standard a line
//
// Needs @grpc/grpc-js and protobufjs (package.json).
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const { City, Stopped, bundle, leaf, recordKey, sha256, signed, text, treeRoot, verified } = require("./wire.js");

const RECORDS_MAX = 1000;
const BYTES_MAX = 1048576; // what every node takes ("Batches")
const ANSWER_MS = 30000;
const AGAIN = ["UNAVAILABLE", "STOPPING", "STORE_UNAVAILABLE", "PARTNER_PAUSED", "QUOTA_EXCEEDED", "INTERNAL", "SEQUENCE_GAP"];
const AGAIN_CODES = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN"];
const ATTEMPTS = 5; // a gateway tries without end ("Trying again"); a command gives up and says so

const EXCHANGE = "yrdx.exchange.v1";
const METHODS = `/${EXCHANGE}.ExchangeService`;
const GENESIS = Buffer.alloc(32).toString("hex");
const now = () => ({ seconds: Math.floor(Date.now() / 1000), nanos: 0 });
const deadline = () => ({ deadline: new Date(Date.now() + ANSWER_MS) });
const identity = (batch) => sha256(text("yrdx-batch-v1"), batch.header.content);

// ---- records and batches ("Records", "Batches") ----------------------------------------------------------------------

// Make records from lines of JSON; each is serialised once, under a salt of its own.
function* records(city, lines, firstLine) {
  const { type, declared } = city.standard();
  for (const [at, line] of lines.entries()) {
    let message;
    try {
      message = JSON.parse(line);
      requireFits(city.root.lookupType(type), message);
      message = city.decode(type, city.encode(type, message));
    } catch {
      // The error's text quotes the line: people's data stays out of messages.
      throw new Stopped("LINE", `line ${firstLine + at} is no ${city.config.dataset} as JSON: mend it, run again`);
    }
    const value = city.encode(type, JSON.parse(line));
    const body = city.encode("yrdx.types.v1.RecordBody", {
      operation: 1, key: recordKey(message, declared), real_data: Boolean(city.config.real_data),
      message: { type_url: `type.googleapis.com/${type}`, value },
    });
    yield { salt: crypto.randomBytes(16), body };
  }
}

// protobufjs leaves out what it does not know and makes 0 of what is no number: a record must not change on the way.
function requireFits(type, value) {
  for (const [name, one] of Object.entries(value)) {
    const field = type.fields[name];
    if (!field || !(field.repeated ? one : [one]).every((each) => fits(field.resolve(), each))) throw new Error(name);
  }
}

function fits(field, value) {
  const inner = field.resolvedType;
  if (inner && inner.fields) return requireFits(inner, value) === undefined;
  if (inner) return value in inner.values || Number.isInteger(value);
  if (field.type === "string" || field.type === "bytes") return typeof value === "string";
  if (field.type === "bool") return typeof value === "boolean";
  return /^-?[0-9]+$/.test(String(value)); // the standards have whole numbers alone
}

// Seal the next records into a batch in the state, and return how many lines it took.
function seal(city, state, lines, firstLine) {
  const taken = [];
  let size = 0;
  for (const record of records(city, lines.slice(0, RECORDS_MAX), firstLine)) {
    size += record.salt.length + record.body.length;
    if (taken.length && size > BYTES_MAX) break;
    taken.push(record);
  }
  const first = state.next_sequence;
  const header = city.encode(`${EXCHANGE}.BatchHeader`, {
    ...named(city, state), first_sequence: first, record_count: taken.length,
    root: treeRoot(taken.map((record, at) => leaf(first + at, record))),
    previous_hash: Buffer.from(state.head, "hex"), sealed_time: now(),
  });
  const batch = { header: signed(city, "yrdx-batch-v1", header), records: taken };
  state.pending = city.encode(`${EXCHANGE}.Batch`, batch).toString("base64");
  return taken.length;
}

// Fields that an opening and a header have in common.
function named(city, state) {
  const { agreement_id, agreement_version, standard } = city.config;
  return { stream: city.stream, epoch: state.epoch, hash_algorithm: 1, agreement_id, agreement_version, standard };
}

// ---- delivery ("Deliver", "Errors") ----------------------------------------------------------------------------------

function load(file) {
  if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file));
  return { epoch: 1, next_sequence: 1, head: GENESIS, last_receipt: "", pending: "", taken: {} };
}

// Write a whole file to disk, or add to one.
function write(file, flags, content) {
  const handle = fs.openSync(file, flags);
  fs.writeSync(handle, content);
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}

function save(file, state) {
  write(`${file}.new`, "w", JSON.stringify(state));
  fs.renameSync(`${file}.new`, file);
  const folder = fs.openSync(path.dirname(file), "r");
  fs.fsyncSync(folder);
  fs.closeSync(folder);
}

// Send what is pending, and then every line of a file that was not taken before.
async function deliver(city, file) {
  const content = fs.readFileSync(file);
  const lines = content.toString("utf8").split("\n").filter((line) => line.trim());
  const source = sha256(content).toString("hex");
  const place = city.place("state");
  const state = load(place);
  const told = { accepted: 0, rejected: [] };
  for (;;) {
    const at = state.taken[source] || 0;
    if (!state.pending) {
      if (at === lines.length) return { ...told, watermark: state.next_sequence - 1 };
      state.taken[source] = at + seal(city, state, lines.slice(at), at + 1);
      save(place, state); // the lines are taken and the batch stands, both or neither
    }
    const receipt = await patiently(city, () => send(city, state));
    told.accepted += receipt.accepted_count;
    for (const { sequence, field_path: field, rule_id: rule, reason } of receipt.rejections)
      told.rejected.push({ sequence, field, rule, reason });
    save(place, state);
  }
}

// Open the stream, send the pending batch, verify its receipt, and move the state on.
function send(city, state) {
  const batch = city.decode(`${EXCHANGE}.Batch`, Buffer.from(state.pending, "base64"));
  const content = city.encode(`${EXCHANGE}.Opening`, {
    ...named(city, state), opened_time: now(),
    ...(state.last_receipt && {
      last_receipt: city.decode(`${EXCHANGE}.Signed`, Buffer.from(state.last_receipt, "base64")),
    }),
  });
  return new Promise((resolve, reject) => {
    const client = city.client();
    const request = (fields) => city.encode(`${EXCHANGE}.DeliverRequest`, fields);
    const call = client.makeBidiStreamRequest(
      `${METHODS}/Deliver`, (bytes) => bytes, (bytes) => city.decode(`${EXCHANGE}.DeliverResponse`, bytes), deadline());
    const end = (finish, value) => { call.cancel(); client.close(); finish(value); };
    call.on("error", (error) => end(reject, error));
    call.on("data", (answer) => {
      try {
        if (answer.position) {
          verifyPosition(city, state, batch, answer.position, content);
          call.write(request({ batch }));
        } else {
          end(resolve, settle(city, state, batch, answer.acknowledgement.receipt));
        }
      } catch (error) {
        end(reject, error);
      }
    });
    call.write(request({ opening: signed(city, "yrdx-opening-v1", content) }));
  });
}

// Go on only where the receiver stands before our pending batch, or has just applied it ("Position").
function verifyPosition(city, state, batch, answer, opening) {
  const said = verified(city, "yrdx-position-v1", answer, "Position");
  if (!said.opening_hash.equals(sha256(text("yrdx-opening-v1"), opening)))
    throw new Stopped("DIVERGED", "the position answers another opening; call the partner");
  const header = city.decode(`${EXCHANGE}.BatchHeader`, batch.header.content);
  const at = (watermark, head) => `${state.epoch} ${watermark} ${head.toString("hex")}`;
  const before = at(header.first_sequence - 1, header.previous_hash);
  const behind = at(header.first_sequence - 1 + header.record_count, identity(batch));
  const { epoch, watermark, head } = said.position;
  if (![before, behind].includes(`${epoch} ${watermark} ${head.toString("hex")}`))
    throw new Stopped("DIVERGED", "the partner stands elsewhere than our state: an operator of each side compares them");
}

// Hold a receipt against its batch, keep both as evidence, and go on behind it.
function settle(city, state, batch, answer) {
  const receipt = verified(city, "yrdx-receipt-v1", answer, "Receipt");
  if (!receipt.header_hash.equals(identity(batch)) ||
      receipt.accepted_count + receipt.rejections.length !== batch.records.length)
    throw new Stopped("DIVERGED", "the receipt is not of the batch that was sent; call the partner");
  const base64 = (fields) => city.encode(`${EXCHANGE}.Signed`, fields).toString("base64");
  const evidence = { header: base64(batch.header), receipt: base64(answer) };
  // Twice after a crash in between; it is the same receipt.
  write(city.place("state").replace(/[.][^.]*$/, "") + ".receipts.jsonl", "a", JSON.stringify(evidence) + "\n");
  state.next_sequence = receipt.first_sequence + receipt.record_count;
  Object.assign(state, { head: identity(batch).toString("hex"), last_receipt: evidence.receipt, pending: "" });
  return receipt;
}

// Try again where the table of errors says so, with exponential back-off and full jitter ("Trying again").
async function patiently(city, work) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (error.code === undefined) throw error;
      const [reason, code] = [reasonOf(city, error), grpc.status[error.code]];
      if (attempt === ATTEMPTS || !(reason ? AGAIN.includes(reason) : AGAIN_CODES.includes(code)))
        throw new Stopped(reason || code, error.details);
      await new Promise((wake) => setTimeout(wake, Math.random() * Math.min(300000, 200 * 2 ** (attempt - 1))));
    }
  }
}

// Why a call was refused ("Errors"); empty where the status does not say.
function reasonOf(city, error) {
  for (const bytes of error.metadata ? error.metadata.get("grpc-status-details-bin") : [])
    for (const packed of city.decode("google.rpc.Status", bytes).details)
      if (packed.type_url.endsWith("/google.rpc.ErrorInfo")) {
        const info = city.decode("google.rpc.ErrorInfo", packed.value);
        if (info.domain === "yrdx") return info.reason;
      }
  return "";
}

// Ask the partner who it is.
function describe(city) {
  return patiently(city, () => new Promise((resolve, reject) => {
    const client = city.client();
    client.makeUnaryRequest(`${METHODS}/Describe`, (bytes) => bytes,
      (bytes) => city.decode(`${EXCHANGE}.DescribeResponse`, bytes), Buffer.alloc(0), new grpc.Metadata(), deadline(),
      (error, answer) => { client.close(); if (error) reject(error); else resolve(answer); });
  }));
}

async function main([act, config, file]) {
  const work = { bundle, describe, deliver }[act];
  if (!work || !config || (act === "deliver") !== Boolean(file)) {
    process.stderr.write("node sender.js bundle|describe CONFIG, or node sender.js deliver CONFIG RECORDS.jsonl\n");
    return 2;
  }
  try {
    process.stdout.write(JSON.stringify({ ok: true, ...(await work(new City(config), file)) }) + "\n");
    return 0;
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    process.stdout.write(JSON.stringify({ ok: false, reason: error.reason, message: error.message }) + "\n");
    return 1;
  }
}

main(process.argv.slice(2)).then((code) => { process.exitCode = code; });
