// The contract without stubs, bundles, hashes and signatures: what docs/protocol.md says about bytes.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const protobuf = require("protobufjs");
const descriptor = require("protobufjs/ext/descriptor");

const MESSAGE_BYTES_MAX = 8 * 1048576;
const TAG = Buffer.from("yrdx-bundle-v1");

// Nothing more can be sent; `reason` is stable, the message says what to do.
class Stopped extends Error {
  constructor(reason, message) {
    super(message);
    this.reason = reason;
  }
}

const sha256 = (...parts) => crypto.createHash("sha256").update(Buffer.concat(parts)).digest();
const text = (value) => Buffer.from(value, "utf8");
const u32be = (value) => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out; };
const u64be = (value) => { const out = Buffer.alloc(8); out.writeBigUInt64BE(BigInt(value)); return out; };

// This city, its partner, and the contract.
class City {
  constructor(file) {
    this.config = JSON.parse(fs.readFileSync(file));
    this.folder = path.dirname(file);
    const set = this.read("descriptors");
    this.root = protobuf.Root.fromDescriptor(descriptor.FileDescriptorSet.decode(set));
    this.root.resolveAll();
    this.files = this.decode("google.protobuf.FileDescriptorSet", set).file;
  }

  place(name) { return path.resolve(this.folder, this.config[name]); }
  read(name) { return fs.readFileSync(this.place(name)); }
  keyFile(name) { return fs.readFileSync(path.join(this.place("keys"), name)); }
  get partner() { return (this.bundle ??= readBundle(this.read("partner_bundle"))); }
  get stream() { return `${this.config.city}/${this.partner.city}/${this.config.dataset}/0`; }

  encode(name, fields) {
    const type = this.root.lookupType(name);
    return Buffer.from(type.encode(type.fromObject(fields)).finish());
  }

  decode(name, bytes) {
    const type = this.root.lookupType(name);
    return type.toObject(type.decode(bytes), { bytes: Buffer, longs: Number, defaults: true, arrays: true, oneofs: true });
  }

  // The dataset's message and its declaration, which names the fields of its key ("Key"): an option in the .proto.
  standard() {
    for (const file of this.files)
      for (const message of file.message_type || []) {
        const said = message.options && message.options[".yrdx.types.v1.dataset"];
        if (said && said.name === this.config.dataset && said.standard === this.config.standard)
          return { type: `${file.package}.${message.name}`, declared: said };
      }
    throw new Stopped("DATASET_UNKNOWN", "the descriptor set has no such dataset: ask for the partner's newer kit");
  }

  // The partner's gateway: its authorities alone are believed, under the one name that it has ("Connection").
  client() {
    const trusted = this.partner.authorities.filter((one) => !["RETIRED", "REVOKED"].includes(one.state));
    const roots = Buffer.from(trusted.map((one) => one.certificate).join(""));
    const credentials = grpc.credentials.createSsl(roots, this.keyFile("gateway.key"), this.keyFile("gateway.pem"));
    const name = `gateway.${this.partner.city}.yrdx`;
    return new grpc.Client(this.config.address, credentials, {
      "grpc.ssl_target_name_override": name,
      "grpc.default_authority": name,
      "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    });
  }
}

// Name a signing key ("Signed bytes").
const keyId = (raw) => sha256(raw).subarray(0, 16).toString("hex");
const privateKey = (city, name) => crypto.createPrivateKey(city.keyFile(name));
const rawPublic = (key) => crypto.createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
const publicKey = (hex) => crypto.createPublicKey({
  key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(hex, "hex")]), format: "der", type: "spki",
});

// What a bundle says, once its signature stands; whose key that is, people compared by its fingerprint.
function readBundle(data) {
  const head = /^yrdx-bundle-v1\nkey Ed25519 ([0-9a-f]{64})\nsignature ([0-9a-f]{128})\n\n/.exec(data.toString("latin1"));
  if (!head) throw new Stopped("BUNDLE", "the partner's bundle is no bundle file: ask for it as an attachment");
  const payload = data.subarray(head[0].length);
  if (!crypto.verify(null, Buffer.concat([TAG, payload]), publicKey(head[1]), Buffer.from(head[2], "hex")))
    throw new Stopped("BUNDLE", "the partner's bundle was changed since it was signed: ask for it again");
  return JSON.parse(payload);
}

// Write version 1 of this city's bundle.
function bundle(city) {
  const code = city.config.city;
  const [signing, own] = [rawPublic(privateKey(city, "signing.key")), privateKey(city, "bundle.key")];
  const said = {
    city: code, version: 1, previous: null,
    created_at: new Date().toISOString().replace(/\.[0-9]+Z$/, "Z"),
    endpoint: city.config.endpoint ?? null,
    dns_names: [`gateway.${code}.yrdx`],
    authorities: [{ state: "ACTIVE", certificate: city.keyFile("authority.pem").toString("ascii") }],
    signing_keys: [{
      key_id: keyId(signing), algorithm: "Ed25519", public_key: signing.toString("hex"),
      retired_at: null, compromised_at: null,
    }],
    gateway_leaves: [city.keyFile("gateway.pem").toString("ascii")],
  };
  const payload = text(JSON.stringify(said, null, 1));
  const signature = crypto.sign(null, Buffer.concat([TAG, payload]), own);
  const head = `\nkey Ed25519 ${rawPublic(own).toString("hex")}\nsignature ${signature.toString("hex")}\n\n`;
  const file = path.join(city.folder, `${code}.bundle`);
  fs.writeFileSync(file, Buffer.concat([TAG, text(head), payload]));
  return { file, fingerprint: "SHA256:" + keyId(rawPublic(own)).match(/.{4}/g).join("-") };
}

// Hash the subject and the business key ("Key").
function recordKey(message, { subject, key }) {
  const about = subject && subject.length ? subject : key;
  return Buffer.concat([keyHalf("yrdx-subject-v1", message, about), keyHalf("yrdx-key-v1", message, key)]);
}

function keyHalf(tag, message, names) {
  const texts = names.map((name) => text(String(message[name])));
  return sha256(text(tag), ...texts.flatMap((one) => [u32be(one.length), one])).subarray(0, 8);
}

// Hash one record at its place ("Leaf and root").
const leaf = (sequence, record) =>
  sha256(Buffer.from([0]), text("yrdx-record-v1"), u64be(sequence), record.salt, record.body);

// Hash leaves as RFC 9162 section 2.1.1 says.
function treeRoot(leaves) {
  if (leaves.length === 1) return leaves[0];
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.from([1]), treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split)));
}

// Sign what was serialised once ("Signed bytes").
function signed(city, tag, content) {
  const key = privateKey(city, "signing.key");
  const signature = crypto.sign(null, Buffer.concat([text(tag), content]), key);
  return { content, key_id: keyId(rawPublic(key)), signature };
}

// What the partner signed, under a key of its bundle.
function verified(city, tag, answer, name) {
  const key = city.partner.signing_keys.find((one) => one.key_id === answer.key_id);
  if (!key) throw new Stopped("SIGNATURE_INVALID", `${name}: ask the partner for its newest bundle, compare fingerprints`);
  if (!crypto.verify(null, Buffer.concat([text(tag), answer.content]), publicKey(key.public_key), answer.signature))
    throw new Stopped("SIGNATURE_INVALID", `${name}: the signature does not stand; call the partner`);
  return city.decode(`yrdx.exchange.v1.${name}`, answer.content);
}

module.exports = { City, Stopped, bundle, leaf, recordKey, sha256, signed, text, treeRoot, verified };
