// A sending city in another language, written from docs/protocol.md and the contract alone.
//
//   node client.js CONFIG.json
//
// CONFIG names files and what to do; the answer is one JSON object on stdout. Nothing here knows Python.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const modules = path.join(process.env.YRDX_INTEROP_MODULES, "node_modules");
const grpc = require(path.join(modules, "@grpc/grpc-js"));
const loader = require(path.join(modules, "@grpc/proto-loader"));
const protobuf = require(path.join(modules, "protobufjs"));
const descriptor = require(path.join(modules, "protobufjs/ext/descriptor"));

const config = JSON.parse(fs.readFileSync(process.argv[2]));
const OPTIONS = { keepCase: true, longs: String, enums: String, bytes: Buffer, oneofs: true };

// "yrdx proto export": one descriptor set with all imports.
const set = fs.readFileSync(config.descriptors);
const services = grpc.loadPackageDefinition(loader.loadFileDescriptorSetFromBuffer(set, OPTIONS));
const root = protobuf.Root.fromDescriptor(descriptor.FileDescriptorSet.decode(set));
const message = (name) => root.lookupType(`yrdx.exchange.v1.${name}`);
const encode = (name, fields) => Buffer.from(message(name).encode(message(name).fromObject(fields)).finish());
const decode = (name, bytes) => message(name).toObject(message(name).decode(bytes), { bytes: Buffer, longs: Number });

const sha256 = (...parts) => crypto.createHash("sha256").update(Buffer.concat(parts)).digest();
const text = (value) => Buffer.from(value, "utf8");
const u64be = (value) => { const out = Buffer.alloc(8); out.writeBigUInt64BE(BigInt(value)); return out; };
const now = () => ({ seconds: Math.floor(Date.now() / 1000), nanos: 0 });

// Signed bytes: Ed25519 over tag and content; the key's id is the beginning of its SHA-256.
const key = config.signing_key && crypto.createPrivateKey(fs.readFileSync(config.signing_key));
function signed(tag, content) {
  const raw = crypto.createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  const signature = crypto.sign(null, Buffer.concat([text(tag), content]), key);
  return { content, key_id: sha256(raw).subarray(0, 16).toString("hex"), signature };
}

// RFC 9162 section 2.1.1 over the leaves of docs/protocol.md, "Leaf and root".
const leaf = (sequence, record) =>
  sha256(Buffer.from([0]), text("yrdx-record-v1"), u64be(sequence), record.salt, record.body);
function treeRoot(leaves) {
  if (leaves.length === 1) return leaves[0];
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.from([1]), treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split)));
}

function client() {
  const file = (name) => (config[name] ? fs.readFileSync(config[name]) : null);
  const credentials = grpc.credentials.createSsl(file("roots"), file("key"), file("chain"));
  return new services.yrdx.exchange.v1.ExchangeService(config.address, credentials, {
    "grpc.ssl_target_name_override": `gateway.${config.to_city}.yrdx`,
    "grpc.default_authority": `gateway.${config.to_city}.yrdx`,
  });
}

const deadline = () => ({ deadline: new Date(Date.now() + 10000) });

function describe(stub) {
  return new Promise((resolve, reject) =>
    stub.Describe({}, deadline(), (error, answer) => (error ? reject(error) : resolve({ city: answer.city }))));
}

function opening() {
  return encode("Opening", {
    stream: config.stream, epoch: 1, hash_algorithm: 1, agreement_id: config.agreement_id, agreement_version: 1,
    standard: "1", opened_time: now(),
  });
}

function batch(position) {
  const first = Number(position.watermark || 0) + 1;
  const records = config.bodies.map((body) => ({ salt: crypto.randomBytes(16), body: Buffer.from(body, "base64") }));
  const content = encode("BatchHeader", {
    hash_algorithm: 1, stream: config.stream, epoch: 1, agreement_id: config.agreement_id, agreement_version: 1,
    standard: "1", first_sequence: first, record_count: records.length,
    root: treeRoot(records.map((record, at) => leaf(first + at, record))),
    previous_hash: position.head && position.head.length ? position.head : Buffer.alloc(32), sealed_time: now(),
  });
  return { hash: sha256(text("yrdx-batch-v1"), content), batch: { header: signed("yrdx-batch-v1", content), records } };
}

function deliver(stub) {
  return new Promise((resolve, reject) => {
    const call = stub.Deliver(deadline());
    const opened = opening();
    let sent = null;
    call.on("error", reject);
    call.on("data", (answer) => {
      if (answer.position) {
        const position = decode("Position", answer.position.content);
        if (!position.opening_hash.equals(sha256(text("yrdx-opening-v1"), opened))) reject(new Error("another opening"));
        sent = batch(position.position);
        call.write({ batch: sent.batch });
      } else {
        const receipt = decode("Receipt", answer.acknowledgement.receipt.content);
        call.end();
        resolve({
          accepted: receipt.accepted_count, rejected: (receipt.rejections || []).length,
          same_batch: receipt.header_hash.equals(sent.hash),
        });
      }
    });
    call.write({ opening: signed("yrdx-opening-v1", opened) });
  });
}

const work = { describe, deliver }[config.act];
work(client())
  .then((answer) => ({ ok: true, ...answer }))
  .catch((error) => ({ ok: false, code: error.code, details: String(error.details || error.message) }))
  .then((answer) => { process.stdout.write(JSON.stringify(answer)); process.exit(0); });
